"""What ends a job from outside of its code is one line: what, where, and what mends it."""

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from small_disk import small_disk

from advtransfer.cli import causes, ending, journal
from advtransfer.cli.journal import Planned

HERE = Path.cwd()
TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 3, in <module>
    open("x")
{}
"""


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (
            "OSError: [Errno 28] No space left on device: 'results/a.parquet'",
            "disk full: results/a.parquet: free space and run again",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/lab/.snakemake/run.lock'",
            "/lab/.snakemake/run.lock: Permission denied: give this user the right to it, or work in a checkout of ",
        ),
        (
            "OSError: [Errno 30] Read-only file system: '/lab/mlflow.db'",
            "/lab/mlflow.db: Read-only file system: give this user the right to it",
        ),
        ("OSError: [Errno 122] Disk quota exceeded", f"disk full: {HERE}: free space and run again"),
        (
            "sqlite3.OperationalError: database or disk is full",
            f"disk full: {HERE}: free space and run again",
        ),
        (
            "safetensors_rust.SafetensorError: Error: I/O error: No space left on device (os error 28)",
            f"disk full: {HERE}: free space and run again",
        ),
        (
            "OSError: [Errno 24] Too many open files: '/dev/null'",
            "too many open files (/dev/null): `ulimit -n`",
        ),
        ("zmq.error.ZMQError: Too many open files", f"too many open files ({HERE}): `ulimit -n` allows "),
        ("MemoryError", "out of memory: MemoryError: give the job more, or let fewer run at once (--cores)"),
        ("OSError: [Errno 12] Cannot allocate memory", "out of memory: OSError: [Errno 12] Cannot allocate"),
        (
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB for an array with shape (1,)",
            "out of memory: numpy",
        ),
        (
            "ImportError: libtorch_cpu.so: failed to map segment from shared object",
            "out of memory: ImportError: libtorch_cpu.so",
        ),
        (
            "ImportError: libtorch_cpu.so: cannot open shared object file: No such file or directory",
            "the environment cannot load what the job needs: ImportError: libtorch_cpu.so: cannot open",
        ),
        (
            "ModuleNotFoundError: No module named 'torch'",
            "the environment cannot load what the job needs: ModuleNotFoundError: No module named 'torch'",
        ),
    ],
)
def test_what_libraries_say_of_it(last, said):
    cause = causes.cause_in(TRACEBACK.format(last))
    assert cause is not None and cause.startswith(said)
    assert "\n" not in cause


@pytest.mark.parametrize(
    "last",
    [
        "ValueError: it broke",
        "ImportError: cannot import name 'train' from 'advtransfer.stages'",
        "ModuleNotFoundError: No module named 'advtransfer.stage'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'a'",
    ],
)
def test_mistakes_of_the_code_keep_their_traceback(last):
    assert causes.cause_in(TRACEBACK.format(last)) is None


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "a"),
        OSError(errno.EMFILE, "Too many open files"),
        MemoryError("8 GiB"),
        ImportError("libtorch.so: undefined symbol: x"),
    ],
)
def test_what_a_job_said_of_it_is_known_again_in_its_log(error):
    said = causes.told(error)
    assert said and causes.cause_in(f"some line\nresults/a: {said}\n") == said


def test_the_cause_is_found_behind_what_a_library_made_of_it():
    def fail():
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "a/b.npz")
        except OSError:
            raise RuntimeError("could not save") from None

    with pytest.raises(RuntimeError) as raised:
        fail()
    assert causes.told(raised.value) == "disk full: a/b.npz: free space and run again"


def test_a_number_of_open_files_that_is_too_small_is_raised_or_told():
    code = """
import resource
from advtransfer.cli import causes
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))
print(causes.raise_open_files(), resource.getrlimit(resource.RLIMIT_NOFILE)[0], sep="|")
"""

    def said(hard):
        done = subprocess.run(
            [sys.executable, "-c", code.format(hard=hard)], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    enough = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1024)
    assert said(enough) == f"|{enough}"
    assert said(100) == "ulimit -n: found 100, expected at least 256 files that may be open at once|100"


def planned(number):
    return Planned(number, "train", "pretrain", f"results/{number}", f"logs/{number}.log", "", None)


@pytest.fixture
def failed(tmp_path):
    """A run of two jobs that failed, with logs of their own; what is said of them."""

    def say(*logs):
        run = journal.Run(1, "host", 0.0, 0)
        (tmp_path / "logs").mkdir(exist_ok=True)
        for number, text in enumerate(logs):
            run.jobs[number] = journal.Job(planned(number), 1.0, 2.0, failed=True)
            (tmp_path / f"logs/{number}.log").write_text(text)
        return list(ending.failures(tmp_path, run, tmp_path / "profile"))

    return say


def test_jobs_that_failed_for_one_reason_from_outside_are_one_line(failed):
    full = TRACEBACK.format("OSError: [Errno 28] No space left on device: 'results'")
    assert failed(full, full) == ["disk full: results: free space and run again"]


def test_a_job_that_broke_is_told_in_full_beside_one_that_found_the_disk_full(failed):
    full = TRACEBACK.format("OSError: [Errno 28] No space left on device: 'results'")
    said = failed(full, TRACEBACK.format("ValueError: it broke"))
    assert "    ValueError: it broke" in said and "train failed: results/0" in said


def test_a_job_that_left_no_word_was_killed(failed):
    assert failed("")[1] == "    it left no word: killed from outside, out of memory?"


def test_or_found_no_space_for_a_word(failed, tmp_path):
    with small_disk(tmp_path / "logs", 8) as disk:
        with pytest.raises(OSError, match="No space left"):
            (disk / "filler").write_bytes(b"x" * 9000)
        run = journal.Run(1, "host", 0.0, 0)
        run.jobs[0] = journal.Job(planned(0), 1.0, 2.0, failed=True)
        (disk / "0.log").touch()
        said = list(ending.failures(tmp_path, run, tmp_path))
    assert said == [f"disk full: {tmp_path / 'logs'}: free space and run again"]
