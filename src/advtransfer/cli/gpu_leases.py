"""One lease a GPU, so that no two jobs of a machine share one.

Snakemake counts GPUs (`resources: gpu`) and gives none a number, and two checkouts do not know of each other. A lease
is a lock on a file: the system frees it when its holder dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from advtransfer.cli.gpus import GpuError, number

# Not TMPDIR, which may differ between two shells: whoever uses this machine's GPUs must look here.
LEASES = Path("/tmp/advtransfer-gpus")
# A job that has just ended may still hold its device; who waits longer than this waits for another run.
WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.5


@contextlib.contextmanager
def lease(
    count: int, least: int, devices: Sequence[str], *, folder: Path, wait_seconds: float
) -> Iterator[list[str]]:
    """Yields ``count`` of the devices, held by this process alone until it leaves or dies.

    ``folder`` holds the locks: the same one for all who share the devices. Yields none if there are fewer than
    ``count`` and ``least`` is 0. Raises GpuError at once if there are too few devices, and after ``wait_seconds`` if
    too many of them are in use.
    """
    if len(devices) < count:
        if least:
            raise GpuError(f"asks for {number(count)}, {_has(devices)}", 2)
        yield []
        return
    with contextlib.ExitStack() as held:
        yield _wait(count, devices, _Leases(folder), held, wait_seconds) if count else []


def _has(devices: Sequence[str]) -> str:
    which = f"only {len(devices)} ({', '.join(devices)})" if devices else "none (`nvidia-smi -L`)"
    return f"this machine or CUDA_VISIBLE_DEVICES has {which}"


def _wait(
    count: int, devices: Sequence[str], leases: _Leases, held: contextlib.ExitStack, wait_seconds: float
) -> list[str]:
    end, told = time.monotonic() + wait_seconds, False
    while True:
        names, holders = leases.take(count, devices, held)
        if names:
            return names
        busy = f"{number(count)} asked for, in use are {'; '.join(holders)}"
        if time.monotonic() >= end:
            raise GpuError(
                f"no GPU became free in {wait_seconds:.0f} s: {busy}. Let fewer jobs run at once "
                "(fewer GPUs in CUDA_VISIBLE_DEVICES, or `snakemake --resources gpu=..`), or wait for the other run",
                1,
            )
        if not told:
            print(f"waiting up to {wait_seconds:.0f} s for a GPU: {busy}", file=sys.stderr, flush=True)
            told = True
        time.sleep(_POLL_SECONDS)


class _Leases:
    """A folder of lock files, shared by all users of the machine: one a device, which says who holds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o1777)  # as /tmp: anybody adds, only the owner removes
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise GpuError(f"{folder}: found something else, expected the folder of GPU leases", 1)

    def take(
        self, count: int, devices: Sequence[str], held: contextlib.ExitStack
    ) -> tuple[list[str], list[str]]:
        """The first ``count`` free devices, locked until ``held`` ends; or none, and who uses the others."""
        # the gate: two that choose at once could block each other
        with self._open("choosing") as gate, contextlib.ExitStack() as mine:
            fcntl.flock(gate, fcntl.LOCK_EX)
            names, holders = [], []
            for name in devices:
                file = mine.enter_context(self._open(name))
                if holder := _lock(file):
                    holders.append(f"{name} by {holder}")
                else:
                    names.append(name)
                if len(names) == count:
                    held.enter_context(mine.pop_all())
                    return names, []
            return [], holders

    def _open(self, name: str) -> IO[str]:
        """A lock file that any user may open, and that leads nowhere else."""
        path = self._folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', name)}.lock"
        try:
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                os.fchmod(descriptor, 0o666)
                return os.fdopen(descriptor, "r+", encoding="utf-8")
            return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+", encoding="utf-8")
        except OSError as error:
            raise GpuError(
                f"{path}: cannot be opened ({error.strerror}); GPU leases are kept there", 1
            ) from error


def _lock(file: IO[str]) -> str:
    """Locks the file and signs it; if another process holds it, what that one wrote."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return file.read().strip() or "unknown"
    file.truncate(0)
    file.write(f"process {os.getpid()} in {Path.cwd()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
    file.flush()
    return ""
