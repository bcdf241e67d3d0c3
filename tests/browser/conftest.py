"""The site of three made-up studies, as their stages write it, in a real Chromium."""

import json
import os
import shutil
from pathlib import Path

import made_up
import nbformat
import patience
import pytest

from advtransfer.reporting import audit_page, notebook, seals, study
from advtransfer.reporting.linear_study import LinearReport
from advtransfer.reporting.sparse_study import SparseReport
from advtransfer.reporting.study import StudyReport
from advtransfer.stages import site as stage

REPORTS = Path(__file__).parents[2] / "reports"
TEMPLATES = {made_up.IMAGE: "image_study", made_up.LINEAR: "linear_theory", made_up.SPARSE: "sparse_coding"}
SCREENSHOTS = Path(__file__).parent / "screenshots"
# Without a sandbox where we are root, as in a container: Chromium refuses else. It shows our own files only.
ARGUMENTS = ["--no-sandbox"] if os.getuid() == 0 else []


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the rendered site: reports/rendered, beside reports/audit."""
    root = tmp_path_factory.mktemp("site")
    rendered = root / "reports/rendered"
    rendered.mkdir(parents=True)
    found = made_up.results(root)
    for name in made_up.STUDIES:
        executed = _executed(REPORTS / f"{TEMPLATES[name]}.ipynb", _report(root, name, found))
        (rendered / f"{name}.html").write_text(
            notebook.to_html(executed, made_up.STUDIES[name]["title"], name)
        )
    _pages_of_all(root, rendered, found)
    (root / "reports/audit").mkdir()
    (root / "reports/audit/index.html").write_text(audit_page.render(_audited(found)))
    return rendered


@pytest.fixture(scope="module")
def browser():
    """Chromium as the system has it. Closed with the module: while it is open no other event loop can run here."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(
                executable_path=path, args=ARGUMENTS, timeout=1000 * patience.limit(10)
            )
        except Error as error:
            pytest.skip(f"Chromium does not start on this machine: {error.message}")
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, site):
    """Open a page of the site from the file system; nothing it does may fail or ask another host."""
    contexts, complaints = [], []

    def show(name, *, width=1280, height=900, **settings):
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        # a screenshot of a long page takes its time on a machine that is at work elsewhere
        context.set_default_timeout(1000 * patience.limit(10))
        page = context.new_page()
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        page.on("request", lambda request: complaints.append(request.url) if "://" in request.url and not
                request.url.startswith("file://") else None)  # fmt: skip
        page.goto((site / name).as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def keep():
    """Keep a screenshot, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)

    def screenshot(page, name, **how):
        page.screenshot(path=SCREENSHOTS / f"{name}.png", **how)

    return screenshot


def _report(root, name, found):
    described = {"images": 100, "variants": {v: {"labels": "labelled"} for v in made_up.LIFT}}
    scenario = {"seed": 1, "scenarios": {"dense": {"p": 100, "r": 3, "T": 40, "n": 50, "eps_l2": 1.0}}}
    params = {"study": name, "title": made_up.STUDIES[name]["title"], "estimators": {"clean": "clean"}}
    params["description"] = described if name == made_up.IMAGE else scenario
    mine = [seal for seal in found if any(name in path for path in seals.outputs(seal))]
    path = root / f"{name}.context.json"
    path.write_text(json.dumps(study.context(params, seals.artifacts(mine), seals.versions(mine))))
    files = {
        "metrics": str(root / f"results/{name}.parquet"),
        "claims": str(root / f"results/claims/{name}.json"),
    }
    files["context"] = str(path)
    if name == made_up.LINEAR:
        return LinearReport.load(name, **files, details=[str(root / "rates.parquet")])
    if name == made_up.SPARSE:
        return SparseReport.load(name, **files, details=[str(root / "units.parquet")])
    return StudyReport.open(name, **files)


def _executed(template, report):
    """The template with what its cells show, without a kernel: each ends in one expression on ``report``."""
    content = nbformat.read(template, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
            shown = eval(cell.source.splitlines()[-1], {"report": report})  # noqa: S307
            cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": str(shown)})]
    return content


def _pages_of_all(root, rendered, found):
    for number, seal in enumerate(found):
        (root / f"{number}.seal").write_text(json.dumps(seal))
    inputs = {
        "claims": [root / f"results/claims/{name}.json" for name in made_up.STUDIES],
        "seals": [root / f"{number}.seal" for number in range(len(found))],
    }
    outputs = {name: rendered / f"{name}.html" for name in ("index", "artifacts", "glossary")}
    stage.main(
        {"title": "advtransfer", "studies": made_up.STUDIES},
        inputs,
        outputs | {"studies": rendered / "studies.js"},
    )


def _audited(found):
    path = seals.outputs(found[0])[0]
    checks = [
        {
            "name": "bytes against seals",
            "verdict": "pass",
            "reason": "all are the sealed ones",
            "findings": [],
        },
        {"name": "remote", "verdict": "not checkable", "reason": "no remote", "findings": []},
        {"name": "code in git", "verdict": "fail", "reason": "1 is not", "findings": [f"{path}: another"]},
    ]
    number = {"value": 0.5, "artifact": path, "where": {}, "rows": 6, "chain": [path]}
    claim = {"verdict": "supported", "estimate": 0.1, "ci_low": 0.05, "ci_high": 0.15, "p_holm": 0.01, "n": 6}
    return {
        "verdict": "fail",
        "git": {"commit": "0" * 40, "dirty": False},
        "checks": checks,
        "numbers": {"pictures/claims/C1/estimate": number},
        "claims": {"pictures/C1": {"value": claim, "anew": None, "allowed": 0.01, "borderline": True}},
        "figures": [{"page": "reports/rendered/pictures.html", "figure": "Accuracy", "chain": [path]}],
        "steps": {path: {"rule": "claims", "seal": found[0]["id"]}},
    }
