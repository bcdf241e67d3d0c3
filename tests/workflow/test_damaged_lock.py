"""A dvc.lock that a killed DVC left torn, or that was damaged since, is recorded anew: the seals hold the results."""

import os

import pytest


@pytest.mark.parametrize("damage", ["torn", "a misspelt key", "deeply nested", "a pipe"])
def test_it_is_recorded_anew_and_said_so_in_one_line(copied, damage):
    lock, before = copied.path("dvc.lock"), copied.path("dvc.lock").read_text()
    if damage == "torn":
        lock.write_text(before[: len(before) // 2] + "\n   {")
    elif damage == "a misspelt key":
        lock.write_text(before.replace("    deps:", "    dep!:", 1))
    elif damage == "deeply nested":
        lock.write_text("[" * 100_000)
    else:
        lock.unlink()
        os.mkfifo(lock)
    said = copied.run()
    (line,) = [line for line in said.stderr.splitlines() if "dvc.lock" in line]
    assert line.startswith("dvc.lock is damaged (")
    assert line.endswith("): recorded anew; the damaged one is .snakemake/dvc.lock.damaged")
    assert lock.read_text() == before
    assert copied.tool("dvc", "status") == "Data and pipelines are up to date.\n"
