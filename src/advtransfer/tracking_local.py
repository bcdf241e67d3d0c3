"""MLflow's SQLite in the project's folder: whole, or made anew, since all that tracking writes is in the seals.

MLflow makes its tables in dozens of steps that are no transaction: a process that is killed, or a disk that is full,
in the middle of them leaves a file that no later one can use. So a database is made under another name and takes its
own when it is whole, and one that cannot be used makes way for a new one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from advtransfer.provenance.files import private_folder, sweep

if TYPE_CHECKING:
    import sqlite3

DATABASE = "mlflow.db"
# What SQLite keeps beside a database; a dead one's must not be taken for a new one's.
_BESIDE = ("-journal", "-wal", "-shm")
# What says nothing of the file: another process has it, the disk is full, or nobody may write here.
_PASSING = ("BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "PERM", "NOMEM", "AUTH")
_WAIT_SECONDS = 1.0

SetUp = Callable[[str], None]  # has MLflow open the database of an URI, and make its tables if it is empty


def uri(file: Path, *, anew: bool = False) -> str:
    """The tracking URI of a database; relative, since an absolute path may hold a mark at which SQLAlchemy ends it.

    ``anew`` spells it otherwise: MLflow keeps a connection a URI, also to a file that has made way for another one.
    """
    return f"sqlite:///{'./' if anew else ''}{os.path.relpath(file)}"


def provide(root: Path, set_up: SetUp) -> None:
    """Makes the database where there is none, or none that can be used. Raises what ``set_up`` and the disk raise."""
    sweep(root)
    reason = broken(root)
    if reason or not os.path.lexists(root / DATABASE):
        _make(root, reason, set_up)


def replaced(root: Path, set_up: SetUp) -> bool:
    """After MLflow failed: whether that was the database's fault and there is a new one now. Raises as ``provide``."""
    if not os.path.lexists(root / DATABASE):
        return False  # it could not be made at all, and looking for faults would leave an empty one
    reason = broken(root, thoroughly=True)
    if not reason and _writable(root):
        try:
            set_up(uri(root / DATABASE))
        except (
            Exception
        ) as error:  # whatever MLflow makes of tables of another version, or that are not its own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if reason:
        _make(root, reason, set_up)
    return bool(reason)


def broken(root: Path, *, thoroughly: bool = False) -> str:
    """Why the database that is there can never be used; nothing without one, or where only now it cannot.

    ``thoroughly`` reads all of it.
    """
    import sqlite3

    file = root / DATABASE
    if not os.path.lexists(file):
        return ""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return "no regular file"
    except OSError as error:
        return str(error.strerror or error).lower()
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=_WAIT_SECONDS)) as database:
            return _damage(database, thoroughly)
    except sqlite3.Error as error:
        return "" if _passing(error) else str(error)


def _damage(database: sqlite3.Connection, thoroughly: bool) -> str:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return "it is empty"
    if "alembic_version" not in tables or not database.execute("SELECT * FROM alembic_version").fetchall():
        return "its set-up was broken off"
    if not thoroughly:
        return ""
    (told,) = database.execute("PRAGMA quick_check(1)").fetchone()
    return "" if told == "ok" else str(told)


def _writable(root: Path) -> bool:
    """Whether the database could be written at this moment."""
    import sqlite3

    try:
        with contextlib.closing(sqlite3.connect(root / DATABASE, timeout=_WAIT_SECONDS)) as database:
            database.execute("CREATE TABLE advtransfer_probe (x)")
            database.execute("DROP TABLE advtransfer_probe")
    except sqlite3.Error as error:
        return not _passing(error)
    return True


def _passing(error: sqlite3.Error) -> bool:
    name = getattr(error, "sqlite_errorname", "")
    return any(word in name for word in _PASSING)


def _make(root: Path, reason: str, set_up: SetUp) -> None:
    """A new database; the one that cannot be used for ``reason`` is kept under another name."""
    file = root / DATABASE
    with private_folder(root) as folder:
        draft = folder / DATABASE
        set_up(uri(draft))
        if reason:
            aside = _free(file.with_name(f"{DATABASE}.broken"))
            file.rename(aside)
            print(
                f"{DATABASE} cannot be used ({reason}): made anew from the seals; the old one is {aside.name}",
                file=sys.stderr,
            )
        _place(draft, file)


def _free(path: Path) -> Path:
    """The path, or the first with a number behind it, at which nothing lies."""
    names = itertools.chain([path], (path.with_name(f"{path.name}{number}") for number in itertools.count(2)))
    return next(name for name in names if not os.path.lexists(name))


def _place(draft: Path, file: Path) -> None:
    """Gives a database its name, unless another process was first."""
    if os.path.lexists(file):
        return
    for ending in _BESIDE:
        file.with_name(file.name + ending).unlink(missing_ok=True)
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        draft.rename(file)
