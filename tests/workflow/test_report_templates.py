"""The notebooks in Git hold no outputs, and what they import is part of what seals their pages."""

import json
import re
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


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_draws_with_the_package_alone(template):
    """What a cell draws is tested code: it imports a report and shows what its methods return."""
    cells = [c for c in json.loads(template.read_text())["cells"] if c["cell_type"] == "code"]
    code = "\n".join("".join(cell["source"]) for cell in cells)
    imported = re.findall(r"^\s*(?:from|import) (\S+)", code, flags=re.MULTILINE)
    assert imported and all(name.startswith("advtransfer.reporting.") for name in imported)


def test_the_linter_finds_a_notebook_that_was_run(tmp_path):
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("lint", REPORTS.parent / "workflow/lint.py")
    lint = module_from_spec(spec)
    spec.loader.exec_module(lint)
    content = json.loads(TEMPLATES[0].read_text())
    assert lint.outputs_in(TEMPLATES[0]) == ""
    content["cells"][0]["execution_count"] = 1
    content["metadata"]["widgets"] = {}
    (tmp_path / "run.ipynb").write_text(json.dumps(content))
    assert lint.outputs_in(tmp_path / "run.ipynb") == "1 cells were run; metadata widgets"


def test_by_hand_a_template_shows_what_the_page_shows(built, tmp_path):
    """In Jupyter, in the folder of the notebook, with no parameter but the study."""
    import nbformat
    from nbclient import NotebookClient

    from advtransfer.reporting import notebook

    notes = nbformat.read(REPORTS / "image_study.ipynb", as_version=4)
    assert notes.cells[0].source.startswith('study = "digits"\n')
    notes.cells[0].source = notes.cells[0].source.replace('"digits"', '"tiny"')
    with notebook.own_jupyter(tmp_path):
        done = NotebookClient(
            notes, kernel_name=notebook.KERNEL, resources={"metadata": {"path": built.path("reports")}}
        )
        done.execute()
    page = nbformat.read(built.path("reports/rendered/tiny.ipynb"), as_version=4)
    for mine, theirs in zip(notes.cells[1:], page.cells[2:], strict=True):
        if mine.cell_type == "code":
            assert mine.outputs[-1]["data"]["text/html"] == theirs.outputs[-1]["data"]["text/html"], (
                mine.source
            )
