"""`snakemake --report`: one file with our captions and the results, made without network, here or in a pulled clone."""

import base64
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROFILE = "workflow/profiles/default"
SHOWN = {
    "reports/rendered/tiny.html": "The report of the study tiny (A tiny study)",
    "results/claims/tiny.json": "The claims of the study tiny, judged",
    "results/transfer/tiny/metrics.parquet": "Every single measurement of the study tiny",
    "results/metrics.parquet": "Every single measurement of all studies",
    "results/claims.json": "The claims of all studies, judged",
    "results/summary.json": "The mean of each metric over replicas and draws",
    "results/accuracy_by_shots.csv": "Mean target accuracy against the number of labelled target images",
    "reports/rendered/artifacts.html": "Every file behind the results: the job that wrote it, its seal",
}
# What a browser fetches by itself when it shows a page.
LOADED = re.compile(
    r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//|@import|url\(["']?(?:https?:)?//"""
)


@dataclass
class Report:
    """What the page of a report holds."""

    text: str

    def variable(self, name: str) -> Any:
        """The value of a script variable."""
        found = re.search(rf"<script id=[^>]*>\s*var {name} = (.*);\n", self.text)
        assert found, f"no {name} in the report"
        return json.loads(found.group(1))

    @property
    def words(self) -> str:
        """The description of the whole, without markup."""
        return _words(self.variable("workflow_desc"))

    @property
    def captions(self) -> dict[str, str]:
        """Result -> its caption, without markup."""
        return {path: _words(result["caption"]) for path, result in self.variable("results").items()}


def _words(html: str) -> str:
    assert "system-message" not in html, f"reStructuredText that docutils does not understand: {html}"
    return " ".join(re.sub(r"<[^>]*>", "", html).replace("&gt;", ">").split())


@pytest.fixture
def make(offline):
    """Make the report of a project and read it."""

    def report(project, *target: str, name: str = "report.html") -> Report:
        project.without_network(
            offline, "snakemake", "--report", name, "--workflow-profile", PROFILE, "--", *target
        )
        if name.endswith(".html"):
            return Report(project.path(name).read_text())
        with zipfile.ZipFile(project.path(name)) as file:
            return Report(file.read(f"{Path(name).stem}/report.html").decode())

    return report


def test_it_holds_the_results_byte_for_byte_with_our_captions(copied, make):
    report = make(copied)
    assert report.captions.keys() == SHOWN.keys()
    for path, sentence in SHOWN.items():
        assert report.captions[path].startswith(sentence)
        uri = report.variable("results")[path]["data_uri"]
        assert base64.b64decode(uri.partition(";base64,")[2]) == copied.path(path).read_bytes()
    folders = {name: set(paths["Other"]) for name, paths in report.variable("categories").items()}
    assert folders == {
        "Study tiny": {path for path in SHOWN if "tiny" in path},
        "All studies": {path for path in SHOWN if "tiny" not in path},
    }
    assert "Study tiny: A tiny study" in report.words
    assert "rests on 12 sealed jobs" in report.captions["reports/rendered/tiny.html"]
    assert copied.tool("git", "status", "--porcelain") == ""


def test_it_is_self_contained_and_knows_the_runtimes_of_this_machine(copied, make):
    report = make(copied)
    assert not LOADED.search(report.text)
    runtimes = report.variable("runtimes_spec")["data"]["values"]
    assert {job["rule"] for job in runtimes} > {"pretrain", "transfer", "report"}


def test_it_says_what_is_not_fresh(edited, make):
    assert "not fresh" not in make(edited).words
    edited.edit("params.yaml", "eps: 0.5, steps: 2", "eps: 1.0, steps: 2")
    edited.edit(
        "params.yaml", '"A tiny study"', '"The *tiny `study_ {eps} |1|"'
    )  # markup to reStructuredText
    report = make(edited)
    assert "These 3 results were not fresh" in report.words
    weights = "results/pretrain/tiny/adversarial-l2/r000-002.safetensors"
    assert f"{weights}: params changed: perturbation.attack.eps 0.5 -> 1.0" in report.words
    assert "Study tiny: The *tiny `study_ {eps} |1|" in report.words
    assert "(The *tiny `study_ {eps} |1|)" in report.captions["reports/rendered/tiny.html"]


def test_a_study_that_is_not_computed_by_default_has_a_report_of_its_own(edited, make):
    report = make(edited, "reports/rendered/other.html")
    assert {path for path in report.captions if "/other" not in path} == set()
    assert "Study other: Another study" in report.words
    assert "Study tiny" not in report.words


def test_a_pulled_clone_has_the_same_report(copied, make, tmp_path):
    here = make(copied)
    clone = copied.pull_to(tmp_path / "clone", tmp_path / "remote")
    there = make(clone)
    assert there.variable("results") == here.variable("results")
    assert there.words == here.words
    assert there.variable("runtimes_spec")["data"]["values"] == []  # only the seals know them
    make(clone, name="report.zip")
    with zipfile.ZipFile(clone.path("report.zip")) as file:
        raw = {Path(name).name: file.read(name) for name in file.namelist() if "/raw/" in name}
    assert raw["tiny.html"] == copied.path("reports/rendered/tiny.html").read_bytes()
    assert clone.tool("git", "status", "--porcelain") == ""


def test_without_results_it_says_which_file_is_missing(source, tmp_path):
    empty = source.copy_to(tmp_path / "empty")
    done = empty.snakemake("--report", "report.html")
    assert done.returncode == 1
    assert "metrics.parquet marked for report but does not exist" in done.stderr
    assert not empty.path("report.html").exists()
