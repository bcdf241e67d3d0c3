"""A hint repeats the call that was made, and is given where it helps."""

import shlex

import pytest

from advtransfer.cli import ending
from advtransfer.cli.ending import Call, typed
from advtransfer.cli.journal import Job, Planned, Run

OUT = "results/pretrain/a b/x.safetensors"


@pytest.mark.parametrize(
    ("call", "typed_by_hand", "by_make"),
    [
        (Call(), "advtransfer run", "make run"),
        (Call(study="x"), "advtransfer run --study x", "make run STUDY=x"),
        (Call(profile="slurm"), "advtransfer run --profile slurm", "make run PROFILE=slurm"),
        (
            Call("x", "2", "my profiles/a"),
            "advtransfer run --study x --cores 2 --profile 'my profiles/a'",
            "make run STUDY=x CORES=2 'PROFILE=my profiles/a'",
        ),
    ],
)
def test_the_call_is_repeated(monkeypatch, call, typed_by_hand, by_make):
    monkeypatch.delenv(ending.CALLED_AS, raising=False)
    assert typed(call) == typed_by_hand
    monkeypatch.setenv(ending.CALLED_AS, "make run")
    assert typed(call) == by_make


def failed(root, log):
    plan = Planned(1, "pretrain", "pretrain", OUT, "log", "", None)
    (root / "log").write_text(log, encoding="utf-8")
    return Run(1, "h", 0.0, 0, {1: Job(plan, started=1.0, ended=2.0, failed=True)})


@pytest.mark.parametrize(
    "log",
    ["update 10 of 60\n", "Traceback (most recent call last):\nValueError: broke\n", "expected better\n"],
)
def test_a_job_that_may_end_otherwise_is_shown_with_what_runs_it_again(tmp_path, monkeypatch, log):
    monkeypatch.delenv(ending.CALLED_AS, raising=False)
    run = failed(tmp_path, log)
    *_, again = ending.failures(tmp_path, run, "my profiles/a")
    assert shlex.split(again.removeprefix("  again: ")) == [
        "snakemake",
        "--workflow-profile",
        "my profiles/a",
        "--",
        OUT,
    ]
    assert (
        ending.goes_on(tmp_path, run, Call("x"))
        == "the run failed; `advtransfer run --study x` goes on from there"
    )


@pytest.mark.parametrize(
    "log", ["studies.x.seed: found 1, expected 2\n", "Traceback ..\nValueError: a: found 1, expected 2\n"]
)
def test_where_something_must_be_mended_first_that_is_said(tmp_path, monkeypatch, log):
    monkeypatch.delenv(ending.CALLED_AS, raising=False)
    run = failed(tmp_path, log)
    assert not any("again:" in line for line in ending.failures(tmp_path, run, "p"))
    assert (
        ending.goes_on(tmp_path, run, Call("x"))
        == "the run failed; once that is mended, `advtransfer run --study x` goes on from there"
    )


def test_a_log_is_shown_without_passwords(tmp_path):
    run = failed(tmp_path, "cannot reach http://me:hunter2@host\n")
    assert "hunter2" not in "".join(ending.failures(tmp_path, run, "p"))
