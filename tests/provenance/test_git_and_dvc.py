"""Artifacts that Git and DVC move about: exactly what must be made again is, and DVC records what was made."""

import shutil
import sys

import pytest
from jobs import (
    LINEAGE,
    MODEL_INDEX,
    PAGE,
    REPORT_INDEX,
    SCORE,
    SUMS,
    TRAIN,
    altered,
    check,
    check_fresh,
    flip,
)

from advtransfer.provenance.seal import read_seal

OTHER_EPS = dict.fromkeys(TRAIN, "params changed: attack.eps 0.5 -> 0.75")


def recorded_seals(toy, branch=""):
    """Seal -> its identity, which holds no times, of those that dvc.lock has recorded."""
    files = toy.recorded(branch).items()
    return {path: read_seal(file).id for path, file in files if path.endswith(".seal")}


def without_times(lock):
    """What dvc.lock says apart from hashes of folders with seals, which hold times."""
    if isinstance(lock, list):
        return [without_times(item) for item in lock]
    if isinstance(lock, dict):
        sealed = str(lock.get("path", "")).startswith("out/")
        return {
            key: without_times(value)
            for key, value in lock.items()
            if not (sealed and key in ("md5", "size"))
        }
    return lock


def test_recording_fresh_artifacts_runs_nothing_and_a_branch_only_its_own_jobs(recorded):
    check_fresh(recorded.said["main"])
    check(recorded.said["other"], TRAIN + SCORE + SUMS, OTHER_EPS)
    assert recorded.recorded_artifacts() == recorded.after["main"]


def test_a_pulled_clone_computes_nothing_and_then_exactly_what_a_change_asks_for(recorded, tmp_path):
    clone = recorded.pulled_to(tmp_path / "elsewhere" / "clone")
    assert clone.artifacts() == recorded.after["main"]
    check_fresh(clone.run())
    assert clone.dvc("repro").text.count("didn't change, skipping") == 2
    assert clone.git("status", "--porcelain") == ""
    clone.edit("params.json", '"start": 0.25', '"start": 0.5')
    check(clone.dvc("repro"), LINEAGE["0"] + SUMS, {TRAIN[0]: "params changed: start 0.25 -> 0.5"})
    assert clone.recorded_artifacts() == clone.artifacts()


def test_params_committed_without_their_results_are_recorded_with_their_own(recorded, study, tmp_path):
    """Whoever gets that commit gets the old artifacts with the new parameters."""
    study.edit("params.json", '"eps": 0.5', '"eps": 0.75')
    study.commit("Another eps, not computed")
    clone = study.pulled_to(tmp_path / "clone")
    assert clone.artifacts() == recorded.after["main"]
    check(clone.dvc("repro"), TRAIN + SCORE + SUMS, OTHER_EPS)
    assert clone.recorded_artifacts() == recorded.after["other"]
    for stage in clone.lock().values():
        assert stage["params"]["params.json"]["train"]["attack"]["eps"] == 0.75


def test_there_and_back_and_the_other_branchs_params_end_in_its_record(recorded, study):
    """Snakemake's memory and the times of all files are of another branch each time."""
    study.checkout("other")
    assert study.artifacts() == recorded.after["other"]
    check_fresh(study.run())
    study.checkout("main")
    assert study.artifacts() == recorded.after["main"]
    study.git("checkout", "--quiet", "other", "--", "params.json")
    check(study.dvc("repro"), TRAIN + SCORE + SUMS, OTHER_EPS)
    assert study.recorded_artifacts() == recorded.after["other"]
    assert recorded_seals(study) == recorded_seals(study, "other")
    assert without_times(study.lock()) == without_times(study.lock("other"))


def test_dvc_commit_does_not_make_altered_artifacts_fresh(recorded, study):
    """`dvc commit -f` records whatever lies there; the next run finds it, and records what was made."""
    flip(study.path(SCORE[0]))
    flip(study.path(PAGE))
    study.dvc("commit", "--force", "--quiet")
    assert study.recorded_artifacts() != recorded.after["main"]
    check(study.run(), [SCORE[0], *SUMS], {path: altered(path) for path in (SCORE[0], PAGE)})
    check_fresh(study.dvc("repro"))
    assert study.recorded_artifacts() == recorded.after["main"]


@pytest.fixture
def tampered(recorded, tmp_path):
    """A clone before its pull; one bit of a score has changed in the remote."""
    remote = tmp_path / "remote"
    shutil.copytree(recorded.root.parent / "remote", remote)
    flip(remote / recorded.recorded()[SCORE[0]].relative_to(recorded.path(".dvc/cache")))
    clone = recorded.clone_to(tmp_path / "clone")
    clone.path(".dvc/config.local").write_text(f"['remote \"folder\"']\n    url = {remote}\n")
    return clone


def test_a_pull_of_what_changed_in_the_remote_fails_if_dvc_is_told_to_verify(recorded, tampered):
    tampered.dvc("config", "remote.folder.verify", "true")
    pull = tampered.call(sys.executable, "-m", "dvc", "pull")
    assert pull.returncode != 0
    assert "out/score" in pull.text
    assert not tampered.path(SCORE[0]).exists()


def test_what_changed_in_the_remote_is_found_once_it_is_pulled(recorded, tampered):
    tampered.dvc("pull", "--quiet")
    assert tampered.artifacts() != recorded.after["main"]
    check(tampered.run(), [SCORE[0], *SUMS], {SCORE[0]: altered(SCORE[0])})
    assert tampered.artifacts() == recorded.after["main"]


def test_a_comment_is_recorded_without_running_anything(study):
    before = study.lock()
    study.edit("src/toy/text.py", "import hashlib", "import hashlib  # a comment")
    check_fresh(study.dvc("repro"))
    for name, stage in study.lock().items():
        assert stage["outs"] == before[name]["outs"]
        assert stage["deps"] != before[name]["deps"]


def test_a_removed_variant_leaves_the_phase_its_index_and_the_record(recorded, study):
    notes = study.path("out/model/1/notes.txt")
    notes.write_text("no job made this\n")
    before = study.recorded()
    study.edit("params.json", ', "1": {"start": 0.75}', "")
    run = study.dvc("repro")
    check(run, SUMS, {PAGE: f"inputs changed: {SCORE[1]} removed"})
    assert set(run.stale) == {PAGE, MODEL_INDEX}
    gone = {path for path in before if path.startswith(("out/model/1/", "out/score/1."))}
    assert len(gone) == 5
    assert {path for path in gone if study.path(path).exists()} == set()
    assert notes.exists()
    notes.unlink()
    assert set(study.recorded()) - {"out/model/1/notes.txt"} == set(before) - gone
    for index, phase in ((MODEL_INDEX, {"data", "model", "score"}), (REPORT_INDEX, {"report"})):
        listed = set(study.path(index).read_text().split())
        present = {path for path in study.artifacts() if path.split("/")[1] in phase}
        assert listed == present - {index}
    study.git("checkout", "--quiet", "--", ".")
    study.dvc("checkout", "--quiet", "--force")
    assert study.artifacts() == recorded.after["main"]
    check_fresh(study.run())
