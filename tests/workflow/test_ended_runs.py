"""`kill PID` of a command alone: it ends with all that it started, says so in one line, and the next run goes on."""

import os
import signal
import sys
import time

import patience
import psutil
import pytest

RUN = (sys.executable, "-m", "advtransfer", "run")
STAGE, DOCSTRING = "src/advtransfer/stages/pretrain.py", "from __future__ import annotations\n"
SLOW = DOCSTRING + "import time\ntime.sleep(300)\n"
PROFILE = "Using workflow specific profile"  # Snakemake's first line
CLAIMS = "results/claims/tiny.json"


def at_work(project, *words):
    """Processes in the project's folder whose command holds all of these words."""
    found = []
    for process in psutil.process_iter():
        try:
            here = process.cwd().startswith(str(project.root)) and process.status() != psutil.STATUS_ZOMBIE
            if here and all(word in process.cmdline() for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def ended(project, command, ready, number, tmp_path):
    """The exit code and the lines of a command of which one process is sent a signal when something is at work."""
    output = tmp_path / "ended.log"
    process = project.start(*command, output=output)
    try:
        project.wait(process, lambda: at_work(project, *ready))
        os.kill(process.pid, number)
        code = process.wait(timeout=patience.limit(30))
        left = at_work(project)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert left == [], "something was left at work"
    return code, [line for line in output.read_text().splitlines() if not line.startswith(PROFILE)]


def told(number):
    name = signal.Signals(number).name
    return f"ended by {name}, with all that was started; the same command goes on from there"


@pytest.fixture(scope="module")
def slow(built, tmp_path_factory):
    """A copy of the computed project whose trainings would take five minutes each."""
    project = built.copy_to(tmp_path_factory.mktemp("workflow") / "slow")
    project.edit(STAGE, DOCSTRING, SLOW)
    return project


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_while_it_computes(slow, tmp_path, number):
    code, said = ended(slow, RUN, ["advtransfer", "job"], number, tmp_path)
    assert code == 128 + number
    assert said == [told(number)]
    assert not list(slow.path(".snakemake").glob("locks/*"))
    assert not [name for name in slow.files() if "/.tmp-" in name]


def test_a_second_signal_does_not_wait_for_a_job_that_takes_its_time(slow, tmp_path):
    """The job does not heed SIGTERM; it and Snakemake are killed, and the run after that goes on."""
    slow.edit(STAGE, SLOW, SLOW.replace("time.sleep", "[time.sleep(1) for _ in range(300)] #"))
    deaf = DOCSTRING + "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    slow.edit(STAGE, DOCSTRING, deaf)
    process = slow.start(*RUN, output=tmp_path / "log")
    try:
        slow.wait(process, lambda: at_work(slow, "advtransfer", "job"))
        time.sleep(3)
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(1)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=patience.limit(30)) == 128 + signal.SIGTERM
        assert at_work(slow) == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_run_after_that_makes_the_same_bytes(slow, built):
    """Last in this file: with the code as it was."""
    slow.tool("git", "checkout", "--quiet", "--", STAGE)
    said = slow.run().stdout
    assert "Report: " in said
    assert slow.timeless() == built.timeless()
    assert slow.tool("dvc", "status") == "Data and pipelines are up to date.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_dvc_records(copied, built, tmp_path, number):
    copied.edit("params.yaml", "    seed: 7\n", "    seed: 7\n    resources: {pretrain: {mem_mb: 900}}\n")
    code, said = ended(copied, RUN, ["dvc", "repro"], number, tmp_path)
    assert code == 128 + number
    assert said[-1] == told(number)
    copied.run()
    assert copied.timeless() == built.timeless()
    assert "mem_mb: 900" in copied.path("dvc.lock").read_text()


def test_while_the_plan_is_made(copied, tmp_path):
    why = (sys.executable, "-m", "advtransfer", "why", CLAIMS)
    code, said = ended(copied, why, ["snakemake", "--summary"], signal.SIGTERM, tmp_path)
    assert (code, said) == (128 + signal.SIGTERM, [told(signal.SIGTERM)])
    assert copied.advtransfer("why", CLAIMS).returncode == 0


def test_while_an_audit_runs_jobs_again(copied, tmp_path, monkeypatch):
    assert copied.advtransfer("publish", "--yes").returncode == 0
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    process = copied.start(
        *(sys.executable, "-m", "advtransfer", "audit", "--recompute", "9"), output=tmp_path / "log"
    )
    try:
        copied.wait(process, lambda: list(scratch.glob("audit-*/.snakemake")))
        os.kill(process.pid, signal.SIGHUP)
        assert process.wait(timeout=patience.limit(30)) == 128 + signal.SIGHUP
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert not list(scratch.glob("audit-*"))
    assert (tmp_path / "log").read_text().splitlines() == [told(signal.SIGHUP)]
