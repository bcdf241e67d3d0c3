"""`dvc repro` without `advtransfer run`: it tells what failed and goes on after a kill."""

import os
import signal
import sys

DVC = (sys.executable, "-m", "dvc", "repro")
STAGE = "src/advtransfer/stages/transfer.py"
FIRST_LINE = "    device = pick_device()\n"
RAW = "results/transfer/tiny/low-contrast/raw/r000-002.parquet"
RUN = (sys.executable, "-m", "advtransfer", "run")


def locked(project):
    locks = project.path(".snakemake/locks")
    return locks.is_dir() and any(locks.iterdir())


def test_a_failed_job_is_named_with_its_log(copied):
    copied.edit(
        STAGE,
        FIRST_LINE,
        f'    if "raw" in str(outputs):\n        raise ValueError("it broke")\n{FIRST_LINE}',
    )
    done = copied.call(*DVC)
    assert done.returncode != 0
    said = (done.stdout + done.stderr).splitlines()
    assert f"transfer failed: {RAW}" in said
    assert "    ValueError: it broke" in said and f"  log: logs/{RAW}.log" in said


def test_a_lock_that_a_killed_call_left_does_not_stop_the_next(copied, tmp_path):
    copied.edit("params.yaml", "{shots: [1, 2], l2_strength: 10.0}", "{shots: [1, 2], l2_strength: 11.0}")
    process = copied.start(*DVC, output=tmp_path / "killed.log")
    copied.wait(process, lambda: locked(copied))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert locked(copied)
    done = copied.call(*DVC)
    assert done.returncode == 0, done.stdout + done.stderr
    assert copied.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert copied.pending() == set()


def test_what_another_run_holds_is_left_in_one_line(copied, tmp_path):
    first = copied.start(*RUN, output=tmp_path / "first.log")
    try:
        copied.wait(first, lambda: f"process {first.pid} " in copied.path(".snakemake/run.lock").read_text())
        os.killpg(first.pid, signal.SIGSTOP)
        done = copied.advtransfer("phase", "data/prepared/INDEX")
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and f"another run holds this folder: process {first.pid} " in line
