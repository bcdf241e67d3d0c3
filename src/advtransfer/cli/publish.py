"""``advtransfer publish``: shows what it would change, asks, and writes."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from advtransfer.cli import recordable
from advtransfer.cli.ending import Call, typed
from advtransfer.cli.plan import check_apart, dry_run, fresh_study
from advtransfer.cli.publishing import Draft, draft, draft_study
from advtransfer.cli.recording import RecordError, record_anew
from advtransfer.cli.screen import show

DECLINED, UNASKED = 1, 2
LOCK = Path("dvc.lock")


def publish(root: Path, study: str, *, yes: bool, dry: bool, json_: bool) -> int:
    """The exit code. ``dry`` shows and writes nothing, ``yes`` asks nothing. Raises as ``plan.dry_run``."""
    if study:
        check_apart(root, study)
    if not yes and not dry and not sys.stdin.isatty():
        print(
            "publish: found no terminal to ask on, expected --yes, or --dry-run to see what changes",
            file=sys.stderr,
        )
        return UNASKED
    if not (fresh_study(root, study) if study else dry_run(root, all_studies=False)):
        first = typed(Call(study=study))
        print(f"the results are not those of params.yaml and the code: `{first}` first", file=sys.stderr)
        return 1
    found = draft_study(root, study) if study else draft(root)
    if not (json_ and (yes or dry)):  # a script reads them in the document
        print("\n".join(found.changes.lines()), file=sys.stderr if json_ else sys.stdout)
    if dry:
        show(json_, _told(found, []), "")
        return 0
    if found.alters(root) and not yes and not typer.confirm(f"Publish to {found.place}?", err=True):
        print("nothing was written", file=sys.stderr)
        return DECLINED
    return _write(root, found, study, json_)


def _write(root: Path, found: Draft, study: str, json_: bool) -> int:
    """Writes, and has DVC record what is published: dvc.lock and published.json tell of the same artifacts."""
    try:
        recorded = [] if study else _recorded(root)
    except RecordError as error:
        print(f"{error}\nDVC cannot record the results: nothing was published", file=sys.stderr)
        return 1
    written = found.write(root)
    files = [*written.files, *recorded]
    show(json_, _told(found, files), "; ".join([written.text(), *map(str, recorded)]))
    return 0


def _recorded(root: Path) -> list[Path]:
    """dvc.lock, if it had to be written. Outside of git, and where nothing was recorded yet, nothing is."""
    if not (root / ".git").exists() or not (root / LOCK).exists():
        return []
    before = (root / LOCK).read_bytes()
    if trouble := recordable.why_not(root):
        raise RecordError(trouble)
    record_anew(root)
    return [LOCK] if (root / LOCK).read_bytes() != before else []


def _told(found: Draft, files: list[Path]) -> dict[str, object]:
    return {
        "published": str(found.place),
        **found.counts,
        "files": [str(file) for file in files],
        "changes": found.changes.to_dict(),
    }
