"""Published here, computed again on another kind of machine: reproduced, and nothing else passes for that."""

import json
import shutil
import sqlite3
from datetime import datetime
from functools import partial

import elsewhere
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from advtransfer.cli.audited import Published
from advtransfer.cli.conclusion import conclude
from advtransfer.cli.judged import Judge
from advtransfer.cli.published_file import PublishedFile
from advtransfer.cli.standing import Standing
from advtransfer.evaluation import tolerance
from advtransfer.provenance import published_seals
from advtransfer.provenance.audit import machine, recorded
from advtransfer.provenance.audit.content import sealed_bytes
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.verdict import FAIL, PASS, REPRODUCED

NUMBER = "tiny/low-contrast/clean/linear/accuracy/2"
CLAIM = "tiny/claims/C1-linear"
FOLDERS = ("data", "results", "reports/rendered")


@pytest.fixture(scope="module")
def published(built, tmp_path_factory):
    """The computed project, published and committed: not to be changed."""
    project = built.copy_to(tmp_path_factory.mktemp("reproduced") / "published")
    assert project.advtransfer("publish", "--yes").returncode == 0
    project.commit("Published")
    return project


@pytest.fixture(scope="module")
def reproduced(published, tmp_path_factory):
    """A clone whose results another processor made, with other last digits: not to be changed."""
    return elsewhere.computed_elsewhere(published, tmp_path_factory.mktemp("elsewhere") / "clone", 1e-4)


def judged(project, change=lambda content: None, **doubt):
    """Verdict and findings of the checks of what is published, after a change of published.json in memory."""
    content = json.loads(project.path("reports/published.json").read_text())
    change(content)
    evidence = Evidence.gather(project.root, FOLDERS)
    tolerances = tolerance.load(project.path("reports/tolerances.yaml"))
    found = Published(PublishedFile.parse(content), evidence, tolerances)
    judge = Judge(found, Standing(found.file, evidence, recorded.recorded_paths(evidence), **doubt))
    here = machine.environments(evidence, found.jobs())
    checks = [judge.unaltered(), judge.recomputed(), judge.picture(), judge.environments(here)]
    return {
        check.name.removeprefix("published "): (check.verdict, check.findings, check.reason)
        for check in checks
    }


def verdicts(found):
    return {name: verdict for name, (verdict, _, _) in found.items()}


ALL_REPRODUCED = {"artifacts": REPRODUCED, "numbers": REPRODUCED, "picture": REPRODUCED, "environments": PASS}
ALL_SAME = dict.fromkeys(ALL_REPRODUCED, PASS)


# -- a reviewer on another processor -----------------------------------------------------------------------------------


def test_the_run_says_that_it_reproduced_the_results_and_why_bytes_differ(reproduced):
    said = reproduced.said["run"]
    assert "Published results: reproduced: all 2 claims have the published verdicts; " in said
    assert "numbers are identical, the others within tolerance (processor: " in said
    assert "Another Processor here, " in said and " published).\n" in said
    assert "docs/reproducibility.md" in said


def test_git_status_is_clean_after_it_and_one_line_says_what_was_not_recorded(reproduced):
    assert reproduced.tool("git", "status", "--porcelain") == ""
    (line,) = [
        line for line in reproduced.said["run"].splitlines() if line.startswith("dvc.lock stays as it is")
    ]
    assert "`dvc status` names them" in line


def test_the_audit_passes_with_a_note_in_the_words_of_the_run(reproduced):
    done = reproduced.advtransfer("audit")
    assert done.returncode == 0, done.stdout
    (words,) = [
        line for line in reproduced.said["run"].splitlines() if line.startswith("Published results: ")
    ]
    assert words.replace("Published results: ", "Everything published stands, ") in done.stdout.splitlines()
    assert "were made anew and are left out of it" in done.stdout
    grouped = [line for line in done.stdout.splitlines() if "(first: " in line]
    assert len(grouped) == 2, "artifacts and numbers of one cause are a line each"
    page = reproduced.path("reports/audit/index.html").read_text()
    assert "reproduced on another kind of machine" in page and " alike: made anew on another kind" in page
    strict = reproduced.advtransfer("audit", "--strict")
    assert strict.returncode == 1 and "Does not stand with --strict" in strict.stdout


def test_the_checks_say_what_differs(reproduced):
    found = judged(reproduced)
    assert verdicts(found) == ALL_REPRODUCED
    assert {line.partition(": ")[2] for line in found["artifacts"][1]} and all(
        "made anew on another kind of machine" in line for line in found["artifacts"][1]
    )
    assert "nearest to it" in found["numbers"][2]


def test_a_second_run_finds_all_fresh_and_leaves_git_alone(reproduced, tmp_path):
    copy = reproduced.copy_to(tmp_path / "copy")
    said = copy.run().stdout
    assert "0 jobs ran" in said and "reproduced: all 2 claims" in said
    assert copy.tool("git", "status", "--porcelain") == ""


def test_publishing_shows_what_it_changes_then_records_it(reproduced, tmp_path):
    copy = reproduced.copy_to(tmp_path / "copy")
    before = copy.path("reports/published.json").read_text()
    shown = copy.advtransfer("publish", "--dry-run")
    assert shown.returncode == 0 and copy.path("reports/published.json").read_text() == before
    lines = shown.stdout.splitlines()
    assert lines[0] == "0 verdicts would change."
    assert "23 of 25 numbers would change:" in lines and "  and 13 that move less" in lines
    assert lines[-1].startswith("Machine: processor: ") and "Another Processor here" in lines[-1]
    assert copy.tool("git", "status", "--porcelain") == ""
    done = copy.advtransfer("publish", "--yes")
    assert done.returncode == 0 and done.stdout.rstrip().endswith("; dvc.lock")
    assert "same bytes as published" in copy.run().stdout
    assert copy.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert verdicts(judged(copy)) == ALL_SAME


def test_new_params_are_recorded_as_ever_and_said_not_to_be_the_published_ones(reproduced, tmp_path):
    copy = reproduced.copy_to(tmp_path / "copy")
    copy.edit("params.yaml", "robust: {shots: 2, l2_strength: 10.0,", "robust: {shots: 2, l2_strength: 5.0,")
    said = copy.run().stdout
    assert "Published results: not those published in reports/published.json: " in said
    assert "`advtransfer publish` shows and publishes them" in said
    assert "dvc.lock" in copy.tool("git", "status", "--porcelain")


# -- what does not pass for it -----------------------------------------------------------------------------------------


def number(by, content):
    content["numbers"][NUMBER] += by


def claim(content, **changes):
    content["claims"][CLAIM] |= changes


def without_claim(content):
    del content["claims"][CLAIM]


def one_hash(content):
    content["sha256"]["results/claims/tiny.json"] = "0" * 64


def machines(content):
    for about in content["machines"]:
        about["processor"] = "An Honest Processor"


EDITS = {
    "a number beyond its tolerance": (partial(number, 0.3), "numbers"),
    "a number within its tolerance": (partial(number, 1e-4), "numbers"),
    "a verdict": (partial(claim, verdict="supported"), "numbers"),
    "an end of an interval": (partial(claim, ci_low=0.5), "numbers"),
    "an end of an interval within tolerance": (partial(claim, ci_low=-0.13), "numbers"),
    "a p value": (partial(claim, p_holm=0.001), "numbers"),
    "replicas": (partial(claim, n=300), "numbers"),
    "a claim taken out": (without_claim, "numbers"),
    "a hash": (one_hash, "artifacts"),
    "the machine": (machines, "environments"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_found_where_the_recorded_artifacts_lie(published, name):
    edit, check = EDITS[name]
    assert verdicts(judged(published)) == ALL_SAME
    found = verdicts(judged(published, edit))
    assert found[check] == FAIL, found


@pytest.mark.parametrize("name", EDITS)
def test_with_the_machine_edited_too_the_recorded_artifacts_are_excused_nothing(published, name):
    """What DVC records is what was published: no word on another machine makes it a reproduction."""
    edit, check = EDITS[name]

    def both(content):
        edit(content)
        machines(content)
        content["sha256"]["results/transfer/tiny/metrics.parquet"] = "0" * 64

    found = verdicts(judged(published, both))
    assert REPRODUCED not in found.values()
    assert found["artifacts"] == found["environments"] == found[check] == FAIL


@pytest.mark.parametrize(
    "name",
    [
        "a number beyond its tolerance",
        "a verdict",
        "an end of an interval",
        "a p value",
        "replicas",
        "a claim taken out",
    ],
)
def test_on_another_machine_an_edit_beyond_tolerance_is_found(reproduced, name):
    found = judged(reproduced, EDITS[name][0])
    assert found["numbers"][0] == FAIL
    assert any(line.startswith((NUMBER, CLAIM)) for line in found["numbers"][1])


def test_on_another_machine_an_edit_within_tolerance_is_called_within_tolerance(reproduced):
    found = judged(reproduced, EDITS["a number within its tolerance"][0])
    assert f"{NUMBER}: other last digits, within its tolerance" in found["numbers"][1]
    assert found["numbers"][0] == REPRODUCED


def test_on_another_machine_a_machine_edited_to_be_that_one_takes_the_excuse_away(reproduced):
    def same(content):
        for about in content["machines"]:
            about["processor"] = sorted([about["processor"], elsewhere.PROCESSOR])

    assert verdicts(judged(reproduced, same))["artifacts"] == FAIL


def test_nothing_is_excused_while_files_and_seals_disagree(reproduced):
    found = judged(reproduced, doubt="nothing is excused while these fail: bytes against seals")
    assert {found["artifacts"][0], found["numbers"][0], found["picture"][0]} == {FAIL}


def test_a_file_changed_after_the_run_fails_the_audit(reproduced, tmp_path):
    copy = reproduced.copy_to(tmp_path / "copy")
    (table, *_) = elsewhere.transferred(copy)
    rows = pq.read_table(copy.path(table))
    raised = pc.add(rows["value"], 1e-5)
    pq.write_table(rows.set_column(rows.column_names.index("value"), "value", raised), copy.path(table))
    evidence = Evidence.gather(copy.root, FOLDERS)
    assert sealed_bytes(evidence).verdict == FAIL
    assert f"{table}: another content was recorded" in recorded.lock_against_seals(evidence).findings


def test_other_bytes_from_the_same_kind_of_machine_do_not_stand(published, tmp_path):
    clone = elsewhere.clone_with_artifacts(published, tmp_path / "clone")
    elsewhere.move(clone, 1e-4, {})
    said = clone.run().stdout
    assert "Published results: not those published in reports/published.json: " in said
    assert "on the same kind of machine: altered, or computed with chance in it" in said
    found = verdicts(judged(clone))
    assert (found["artifacts"], found["numbers"]) == (FAIL, FAIL)


def test_the_same_bytes_made_again_are_the_same_bytes_and_leave_git_alone(published, tmp_path):
    """Seals tell of another time, so DVC's hashes are others."""
    clone = elsewhere.clone_with_artifacts(published, tmp_path / "clone")
    for path in elsewhere.transferred(clone):
        elsewhere.reseal(
            clone, path, {"cpu": elsewhere.PROCESSOR, "started": "2031-01-01T00:00:00.000+00:00"}
        )
    said = clone.run().stdout
    assert (
        "Published results: same bytes as published: all 2 claims have the published verdicts; all " in said
    )
    assert clone.tool("git", "status", "--porcelain") == ""
    assert recorded.lock_against_seals(Evidence.gather(clone.root, FOLDERS)).verdict == PASS
    assert verdicts(judged(clone)) == ALL_SAME
    assert conclude(clone.root).verdict == PASS


def test_a_clean_clone_that_computes_all_anew_leaves_git_and_dvc_clean(built, tmp_path):
    """It gets the published seals, which tell of the published jobs; what ran here is known all the same."""
    published = built.copy_to(tmp_path / "published")
    for path in sorted(name for name in published.files() if "/other" in name):
        published.path(path).unlink()
    published.run()
    assert published.advtransfer("publish", "--yes").returncode == 0
    published.commit("Published")
    clone = published.clone_to(tmp_path / "clone")
    said = clone.run().stdout
    assert "20 jobs ran" in said and "same bytes as published" in said
    assert clone.tool("git", "status", "--porcelain") == ""
    assert clone.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert clone.seals() == published.seals() and clone.artifacts() == published.artifacts()
    here = [published_seals.here(seal, clone.root) for seal in clone.seals().values()]
    began = published.path("reports/published.json").stat().st_mtime
    assert all(datetime.fromisoformat(seal.told["started"]).timestamp() > began for seal in here)
    with sqlite3.connect(clone.path("mlflow.db")) as database:
        assert database.execute(
            "SELECT count(*) FROM runs WHERE start_time > ?", [1000 * began]
        ).fetchone() == (3,)


def test_a_study_computed_beside_the_published_ones_is_recorded(published, tmp_path):
    """Else DVC would not ship it."""
    clone = elsewhere.clone_with_artifacts(published, tmp_path / "clone")
    for folder in ("results/transfer", "results/pretrain", "data/prepared/splits"):
        shutil.copytree(clone.path(f"{folder}/other"), clone.path(f"{folder}/more"))
    for path in elsewhere.transferred(clone):
        elsewhere.reseal(clone, path, {"cpu": elsewhere.PROCESSOR})
    assert "dvc.lock stays" not in clone.run().stdout
    assert "dvc.lock" in clone.tool("git", "status", "--porcelain")
