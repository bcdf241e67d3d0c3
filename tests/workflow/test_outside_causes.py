"""What ends a run from outside of its code is told in one line, and the next run goes on."""

import re
import shutil
import subprocess

from small_disk import small_disk

STAGE, DOCSTRING = "src/advtransfer/stages/pretrain.py", "from __future__ import annotations\n"
PROGRESS = re.compile(r"^(?:\d+ of \d+  .*|MLflow: .*|Using workflow specific profile .*)\n", re.MULTILINE)


def said_by_a_failing_run(project):
    """What a run that must fail writes to stderr, without a line a job and Snakemake's first."""
    done = project.advtransfer("run")
    assert done.returncode == 1, done.stdout + done.stderr
    return PROGRESS.sub("", done.stderr).splitlines()


def test_a_job_that_is_killed_says_by_what(copied):
    copied.edit(STAGE, DOCSTRING, DOCSTRING + "import os\nos.kill(os.getpid(), 9)\n")
    said = said_by_a_failing_run(copied)
    assert said[0].startswith("pretrain failed: ")
    assert said[1] == "    killed by signal 9: out of memory?"
    assert not [line for line in said if "RuleException" in line or "CalledProcessError" in line]
    assert said[-1] == "the run failed; `advtransfer run` goes on from there"


def test_jobs_without_memory_are_one_line(copied):
    copied.edit(STAGE, DOCSTRING, DOCSTRING + "raise MemoryError('8 GiB')\n")
    assert said_by_a_failing_run(copied) == [
        "out of memory: MemoryError: 8 GiB: give the job more, or let fewer run at once (--cores)",
        "the run failed; `advtransfer run` goes on from there",
    ]


def test_a_full_disk_is_one_line_wherever_it_is_met(built, tmp_path):
    with small_disk(tmp_path / "disk", 60_000) as disk:
        project = type(built)(disk)
        shutil.copytree(built.root, disk, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        project.edit("params.yaml", "seed: 7\n", "seed: 70\n")
        for left in (0, 60):  # kilobytes: for no file at all, and for some of the jobs'
            used = shutil.disk_usage(disk).used // 1024
            subprocess.run(["mount", "-o", f"remount,size={used + left}k", str(disk)], check=True)
            said = said_by_a_failing_run(project)
            full = [line for line in said if line.startswith("disk full: ")]
            assert len(full) == 1 and full[0].endswith(": free space and run again"), "\n".join(said)
            assert len(said) <= 3, said
        subprocess.run(["mount", "-o", "remount,size=60000k", str(disk)], check=True)
        project.run()
        assert project.pending() == set()
