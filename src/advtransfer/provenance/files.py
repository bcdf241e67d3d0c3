"""Writes that are whole or absent, and the private folders in which jobs work until they are."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".tmp-"


def atomic_write(path: Path, text: str, *, mtime_ns: int | None = None, durable: bool = False) -> None:
    """Replace the file at `path` by `text` in one step; a reader sees the old file or the new one.

    `mtime_ns` sets the modification time the file appears with. `durable` also survives a power cut (fsync):
    for what cannot be recomputed by reading.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / _private_name()
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            if durable:
                flush(file.fileno())
        if mtime_ns is not None:
            os.utime(draft, ns=(mtime_ns, mtime_ns))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def flush(descriptor: int) -> None:
    """Ask the disk to hold what was written through `descriptor`, after pushing it out of the kernel."""
    os.fsync(descriptor)


def flush_file(path: Path) -> None:
    """`flush` for a file that somebody else wrote and closed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, on the same disk as the files that will be moved from it; gone at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder, owner = parent / _private_name(), os.getpid()
    folder.mkdir()
    try:
        yield folder
    finally:
        if os.getpid() == owner:  # a forked worker that unwinds must not take its parent's folder along
            shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove what dead processes of this machine left in `parent`; what a living one owns stays."""
    if not parent.is_dir():
        return
    for entry in parent.glob(PREFIX + "*"):
        if not _abandoned(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _private_name() -> str:
    return f"{PREFIX}{os.getpid()}-{_machine()}{os.urandom(4).hex()}"


def _machine() -> str:
    """Folders are shared between cluster nodes, process ids are not: the name says whose id it is."""
    return hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:6]


def _abandoned(name: str) -> bool:
    pid, _, token = name.removeprefix(PREFIX).partition("-")
    return pid.isdigit() and token.startswith(_machine()) and not _alive(int(pid))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Whether a process was killed but not yet reaped: it has an id, and will never write again."""
    try:
        # the name in brackets may hold anything, so the state is what follows the last bracket
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return told.rpartition(")")[2].split()[0] in "ZX"
    except (OSError, IndexError):
        return False
