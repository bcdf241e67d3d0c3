"""DVC's experiments and Git's worktrees, which have the project in several places at once."""

import patience
import psutil
import pytest
from jobs import LINEAGE, SCORE, SUMS, TRAIN, check, check_fresh

EPS = ("--set-param", "params.json:train.attack.eps=0.75")


@pytest.fixture
def laboratory(study):
    """The recorded project; DVC's worker, which outlives the command that started it, is ended after the test."""
    yield study
    ours = [process for process in psutil.process_iter() if works_for(study, process)]
    for process in ours:
        process.kill()
    psutil.wait_procs(ours, timeout=patience.limit(1))


def works_for(toy, process):
    try:
        return process.environ().get("TOY_LOG") == str(toy.log)
    except psutil.Error:
        return False


def experiment(toy, how):
    """Run the experiment "tried", with the eps of branch other; what that did."""
    if how != "--queue":
        return toy.dvc("exp", "run", "--name", "tried", *EPS, *([how] if how else []))
    toy.dvc("exp", "run", "--queue", "--name", "tried", *EPS)
    return toy.dvc("exp", "run", "--run-all")


@pytest.mark.parametrize("how", ["", "--temp", "--queue"])
def test_an_experiment_runs_its_own_jobs_and_records_its_own_bytes(recorded, laboratory, how):
    run = experiment(laboratory, how)
    stale = dict.fromkeys(TRAIN, "params changed: attack.eps 0.5 -> 0.75")
    check(run, TRAIN + SCORE + SUMS, stale)
    if how:
        assert laboratory.git("status", "--porcelain") == ""
        assert laboratory.artifacts() == recorded.after["main"]
        laboratory.dvc("exp", "apply", "tried")
        check_fresh(laboratory.run())
    assert laboratory.artifacts() == recorded.after["other"]
    assert laboratory.recorded_artifacts() == recorded.after["other"]


def test_a_worktree_has_its_own_branch_and_leaves_the_other_alone(recorded, study, tmp_path):
    side = study.worktree(tmp_path / "side", "other")
    side.dvc("pull", "--quiet")
    assert side.artifacts() == recorded.after["other"]
    side.edit("params.json", '"start": 0.25', '"start": 0.5')
    check(side.dvc("repro"), LINEAGE["0"] + SUMS, {TRAIN[0]: "params changed: start 0.25 -> 0.5"})
    assert side.recorded_artifacts() == side.artifacts() != recorded.after["other"]
    assert study.artifacts() == recorded.after["main"]
    check_fresh(study.run())
