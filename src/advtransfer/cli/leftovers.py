"""One run at a time in a folder, after whatever a killed one left: processes, Snakemake's lock, DVC's."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.regular_files import read_json

if TYPE_CHECKING:
    import psutil

DVC_LOCK = Path(".dvc/tmp/rwlock")


@contextlib.contextmanager
def alone(root: Path) -> Iterator[str]:
    """Yields who else runs here, or an empty string and holds the folder; the system frees it if we are killed."""
    path = root / ".snakemake" / "run.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            yield file.read().strip() or "unknown"
            return
        file.truncate(0)
        file.write(f"{_holder(os.getpid())}{time.strftime('%Y-%m-%d %H:%M:%S')}")
        file.flush()
        yield ""


def _holder(pid: int) -> str:
    return f"process {pid} since "


def clear(root: Path, snakemake: list[str]) -> None:
    """Waits for what a killed run left at work, then removes the locks that it can no longer free."""
    _wait(root)
    if locked(root):
        subprocess.run([*snakemake, "--unlock", "--quiet", "all"], check=False)
    _unlock_dvc(root)


def locked(root: Path) -> bool:
    """Whether Snakemake's lock is there; a run that ends by itself takes it away."""
    locks = root / ".snakemake" / "locks"
    return locks.is_dir() and any(locks.iterdir())


def _wait(root: Path) -> None:
    """Snakemake, its jobs and DVC outlive an `advtransfer run` that is killed; they end before the next begins."""
    import psutil

    if left := _at_work(root):
        ids = ", ".join(str(process.pid) for process in left)
        print(
            f"processes {ids} of an earlier run are still at work in this folder: waiting for them",
            file=sys.stderr,
        )
        while left:
            psutil.wait_procs(left, timeout=0.5)  # for ever, where nobody reaps what has ended
            left = _at_work(root)


def is_above(holder: str) -> bool:
    """Whether the process that holds the folder, in the words of ``alone``, has started this one."""
    import psutil

    return any(holder.startswith(_holder(process.pid)) for process in psutil.Process().parents())


def _at_work(root: Path) -> list[psutil.Process]:
    """Snakemake, the jobs that it started, and a recording DVC in this folder, with or without their driver.

    Not those that started this process: they wait for it.
    """
    import psutil

    found = []
    above = {process.pid for process in psutil.Process().parents()}
    for process in psutil.process_iter():
        if process.pid in above:
            continue
        with contextlib.suppress(psutil.Error):  # among them the killed ones that nobody has reaped
            if _ours(process.cmdline()) and Path(process.cwd()) == root:
                found.append(process)
    return found


def _ours(command: list[str]) -> bool:
    """`snakemake ..`, `dvc repro ..`, with `python` or `python -m` before, or `python -m advtransfer job ..`."""
    words = [Path(word).name for word in command[:2]] + command[2:4]
    if "snakemake" in words[:3] or words[1:4] == ["-m", "advtransfer", "job"]:
        return True
    return any(pair == ("dvc", "repro") for pair in itertools.pairwise(words))


def _unlock_dvc(root: Path) -> None:
    """Removes DVC's lock on stages if nobody who holds it is alive.

    DVC does so itself unless a process with the holder's id exists; one does where a killed process is never reaped
    (a container without an init), or where its id was given to another.
    """
    path = root / DVC_LOCK
    try:
        lock = read_json(path)
        holders = [
            *lock.get("write", {}).values(),
            *(one for many in lock.get("read", {}).values() for one in many),
        ]
    except (OSError, ValueError, AttributeError):
        return  # absent, or damaged: DVC then names the file
    if not any(map(_holds, holders)):
        path.unlink(missing_ok=True)


def _holds(holder: dict[str, Any]) -> bool:
    """Whether the process that wrote an entry of DVC's lock still is that process."""
    import psutil

    try:
        process = psutil.Process(int(holder["pid"]))
        return process.status() != psutil.STATUS_ZOMBIE and any("dvc" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
