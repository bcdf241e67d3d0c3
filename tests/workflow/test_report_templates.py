"""The notebooks in Git hold no outputs, and what they import is part of what seals their pages."""

import json
from pathlib import Path

import pytest

REPORTS = Path(__file__).parents[2] / "reports"
TEMPLATES = sorted(REPORTS.glob("*.ipynb"))
# Runs the cells of an executed notebook again and prints the first-party modules that are then in memory.
REPLAY = """
import json, sys
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]))
print(*sorted(name for name in sys.modules if name.split(".")[0] == "advtransfer"))
"""


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_no_outputs(template):
    content = json.loads(template.read_text())
    for cell in content["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert "papermill" not in content["metadata"]
    tags = [cell["metadata"].get("tags") for cell in content["cells"] if cell["cell_type"] == "code"]
    assert tags[0] == ["parameters"]


def test_there_are_templates():
    assert TEMPLATES


def test_all_that_the_notebook_loads_is_in_the_sealed_code(built, tmp_path):
    import sys

    metrics, claims = (
        built.path("results/transfer/tiny/metrics.parquet"),
        built.path("results/claims/tiny.json"),
    )
    (tmp_path / "metrics.parquet").symlink_to(metrics)
    (tmp_path / "claims.json").symlink_to(claims)
    (tmp_path / "context.json").write_text("{}")
    page = built.path("reports/rendered/tiny.ipynb")
    done = built.call(sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{REPLAY}", str(page))
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    sealed = set(built.seals()["reports/rendered/tiny.html.seal"].spec.code)
    assert "advtransfer.reporting.figures" in loaded
    assert loaded <= sealed
