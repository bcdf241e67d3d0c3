"""dvc.lock that a killed DVC left torn, or that was damaged since: put aside, so that DVC writes it anew.

Nothing is lost by that: the results are sealed, and Git has the lock file of every commit.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from advtransfer.provenance.files import atomic_write
from advtransfer.strict_yaml import read_yaml

LOCK, ASIDE = Path("dvc.lock"), Path(".snakemake/dvc.lock.damaged")
_REFUSED = ("dvc.lock' validation failed", "unable to read: 'dvc.lock'", "dvc.lock' is corrupted")


def put_aside_odd(root: Path) -> None:
    """Before DVC is called: it would wait at a pipe."""
    if os.path.lexists(root / LOCK) and not (root / LOCK).is_file():
        _put_aside(root, "no regular file")


def content(root: Path) -> str | None:
    """What is recorded; None where nothing is, or nothing that is text."""
    try:
        return (root / LOCK).read_text(encoding="utf-8") if (root / LOCK).is_file() else None
    except ValueError:
        return None


def restore(root: Path, before: str | None) -> None:
    """Records again what ``content`` returned."""
    if before is None:
        (root / LOCK).unlink(missing_ok=True)
    else:
        atomic_write(root / LOCK, before)


def put_aside_damaged(root: Path, said: str) -> bool:
    """After DVC failed, with what it said: whether the form of the lock file was at fault."""
    lock = root / LOCK
    damage = "not what DVC writes" if any(words in said for words in _REFUSED) else ""
    if not lock.exists():
        return False
    try:
        read_yaml(lock)
    except ValueError as error:
        damage = str(error).removeprefix(f"{lock}: ")
    if damage:
        _put_aside(root, damage)
    return bool(damage)


def _put_aside(root: Path, why: str) -> None:
    (root / LOCK).replace(root / ASIDE)
    print(f"{LOCK} is damaged ({why}): recorded anew; the damaged one is {ASIDE}", file=sys.stderr)
