"""DVC records what a run computed: nothing that was not asked for, whatever became of its lock file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from advtransfer.cli import causes, recordable
from advtransfer.cli.edits import Watch
from advtransfer.provenance import children
from advtransfer.provenance.masking import masked
from advtransfer.strict_yaml import read_yaml

LOCK, DAMAGED = Path("dvc.lock"), Path(".snakemake/dvc.lock.damaged")
_REFUSED = ("dvc.lock' validation failed", "unable to read: 'dvc.lock'", "dvc.lock' is corrupted")


def record(root: Path, watch: Watch) -> str:
    """Records the results if they are still those of the parameters and the code; else says why not."""
    if edited := watch.parameters() or _stale_by(root, watch.code()):
        return f"{_named(edited)} changed during the run: run again"
    if trouble := recordable.why_not(root) or _whatever_the_lock(root):
        return f"{trouble}\nthe results are computed and sealed, not recorded with DVC"
    if edited := watch.parameters():
        return f"{_named(edited)} changed while the results were recorded: run again"
    return ""


def _stale_by(root: Path, edited: list[str]) -> list[str]:
    """The edited files of code, if results are stale now."""
    from advtransfer.cli.plan import dry_run

    return edited if edited and not dry_run(root, all_studies=False) else []


def _named(files: list[str]) -> str:
    return f"{files[0]} and {len(files) - 1} more files" if len(files) > 2 else " and ".join(files)


def _whatever_the_lock(root: Path) -> str:
    """What DVC said if it failed; a lock file that a killed DVC left torn is written anew from the sealed results."""
    lock = root / LOCK
    if os.path.lexists(lock) and not lock.is_file():  # DVC would wait at a pipe
        _put_aside(root, "no regular file")
    trouble = _repro()
    if trouble and (damage := _damage(lock, trouble)):
        _put_aside(root, damage)
        trouble = _repro()
    return trouble


def _put_aside(root: Path, why: str) -> None:
    (root / LOCK).replace(root / DAMAGED)
    print(f"{LOCK} is damaged ({why}): recorded anew; the damaged one is {DAMAGED}", file=sys.stderr)


def _damage(lock: Path, said: str) -> str:
    """What is wrong with the form of the lock file, to us or to DVC, which says so; nothing without one."""
    if not lock.exists():
        return ""
    try:
        read_yaml(lock)
    except ValueError as error:
        return str(error).removeprefix(f"{lock}: ")
    return "not what DVC writes" if any(words in said for words in _REFUSED) else ""


def _repro() -> str:
    """Has DVC record every phase; returns what it printed if that failed."""
    # DVC's stages call `advtransfer` by name: it must be this environment's
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = children.run([sys.executable, "-m", "dvc", "repro"], env=os.environ | {"PATH": path})
    said = masked(f"{done.stdout}{done.stderr}".strip())
    return (causes.cause_in(said) or said) if done.returncode else ""
