"""The report stage with papermill for real: same bytes twice, nothing of this machine."""

import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import advtransfer
from advtransfer.evaluation import claims_file, table
from advtransfer.reporting import notebook
from advtransfer.stages import claims, report

REPORTS = Path(__file__).parents[3] / "reports"
VARIANTS = ["clean", "clean-tuned", "gaussian", "pseudo-label"] + [
    f"{v}-{n}" for v in ("adversarial", "combined") for n in ("l2", "linf")
]
PARAMS = {
    "study": "digits",
    "title": "Digits",
    "description": {"images": 1797, "variants": {"clean": {"labels": "labelled", "perturbation": None}}},
}


def write_inputs(folder):
    rng = np.random.default_rng(0)
    settings = [("linear", "accuracy", 1), ("linear", "accuracy", 5), ("finetune", "accuracy", 5)]
    rows = [
        ("digits", "image", "digits", "contrast", v, r, p, k, 0, m, 0.5 + 0.02 * i + rng.normal(0, 0.02))
        for i, v in enumerate(VARIANTS)
        for p, m, k in [*settings, ("linear", "robust_accuracy", 5)]
        for r in range(8)
    ]
    paths = {name: folder / name for name in ("metrics.parquet", "claims.json", "a.seal")}
    table.write(pd.DataFrame(rows, columns=table.COLUMNS), paths["metrics.parquet"])
    asked = claims_file.of_study(claims_file.load(REPORTS / "claims.yaml"), "digits")
    claims.main({"claims": asked}, {"metrics": paths["metrics.parquet"]}, {"claims": paths["claims.json"]})
    spec = {"rule": "pretrain", "stage": "pretrain", "outputs": [["weights", "results/a.safetensors"]]}
    made = {"wall_seconds": 12.345, "packages": {"torch": "2.15.0"}, "device": "cpu"}
    seal = {"spec": spec, "sha256": {"results/a.safetensors": "cd" * 32}, "id": "ef" * 32, "made": made}
    paths["a.seal"].write_text(json.dumps(seal))
    return {
        "template": REPORTS / "image_study.ipynb",
        "metrics": paths["metrics.parquet"],
        "claims": paths["claims.json"],
        "seals": [paths["a.seal"]],
    }


def render(folder):
    folder.mkdir()
    inputs = write_inputs(folder)
    outputs = {"notebook": folder / "digits.ipynb", "page": folder / "digits.html"}
    report.main(PARAMS, inputs, outputs)
    return {name: path.read_text() for name, path in outputs.items()}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    return render(tmp_path_factory.mktemp("report") / "one")


def test_two_runs_in_two_places_give_the_same_bytes(rendered, tmp_path):
    assert render(tmp_path / "another-place") == rendered


def test_nothing_of_this_machine_or_run(rendered):
    for text in rendered.values():
        assert "/tmp" not in text
        assert str(Path.home()) + "/" not in text
        assert os.uname().nodename not in text
        assert "12.3" not in text  # the wall time
        assert not re.search(r"20\d\d-\d\d-\d\dT", text)


def test_notebook_was_executed_from_the_template(rendered):
    executed = json.loads(rendered["notebook"])
    assert executed["cells"][1]["metadata"]["tags"] == ["injected-parameters"]
    counts = [cell["execution_count"] for cell in executed["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "papermill" not in executed["metadata"]
    template = json.loads((REPORTS / "image_study.ipynb").read_text())
    assert all(not cell.get("outputs") for cell in template["cells"])


class References(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_page_asks_no_other_host(rendered):
    page = References()
    page.feed(rendered["page"])
    assert not page.tags & {"iframe", "object"}
    assert "@import" not in rendered["page"] and "url(" not in rendered["page"]
    allowed = ("data:", "#", "index.html", "artifacts.html", "glossary.html", "studies.js")
    assert page.found and all(reference.startswith(allowed) for reference in page.found)


def test_page_shows_every_section(rendered):
    page = rendered["page"]
    assert page.count("<img") == 6
    for text in ("1,797 images", "under full fine-tuning", "results/a.safetensors", "2.15.0", "ef" * 6):
        assert text in page


def test_a_page_leads_from_its_numbers_to_the_seals(rendered):
    page = rendered["page"]
    assert 'id="s-efefefefefef"' in page
    assert '<li><a href="#Caveats">Caveats</a></li>' in page
    assert page.count('class="term"') > 3


def test_a_failing_cell_fails_the_stage(tmp_path):
    inputs = write_inputs(tmp_path)
    outputs = {"notebook": tmp_path / "x.ipynb", "page": tmp_path / "x.html"}
    with pytest.raises(Exception, match="no rows of study 'other'"):
        report.main({**PARAMS, "study": "other"}, inputs, outputs)
    assert not outputs["page"].exists()


def test_the_kernel_is_this_interpreter_and_the_home_stays_clean(tmp_path, monkeypatch, capsys):
    """A kernel of that name in the user's home must not win; warnings go to the log, not to the notebook."""
    home = tmp_path / "home"
    other = home / ".local/share/jupyter/kernels/python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(
        json.dumps({"argv": ["false"], "display_name": "x", "language": "python"})
    )
    before = sorted(home.rglob("*"))
    monkeypatch.setenv("HOME", str(home))
    source = "import sys, advtransfer\nprint(sys.executable, advtransfer.__file__)\n"
    source += "print('careful', file=sys.stderr)"
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    spec = {"name": "python3", "display_name": "x", "language": "python"}
    content = {"cells": [cell], "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    template = tmp_path / "t.ipynb"
    template.write_text(json.dumps(content))
    executed = notebook.normalise(notebook.execute(template, {}, tmp_path / "home" / ".."))
    (output,) = executed.cells[0].outputs
    assert output.text.split() == [sys.executable, advtransfer.__file__]
    assert "careful" in capsys.readouterr().err
    assert sorted(home.rglob("*")) == before
    assert "JUPYTER_PATH" not in os.environ
