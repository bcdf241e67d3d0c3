"""Results made anew that dvc.lock does not record: it stays the record of the published ones.

What another kind of machine reproduced has other last digits, and seals of its own. Recording it would change a tracked
file for no news. What was made is noted in a file of this folder alone, so that a later change of it is found all the
same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advtransfer.provenance.files import atomic_write
from advtransfer.regular_files import read_json

FILE = Path(".snakemake/unrecorded.json")
TOLD = "`dvc status` names them, `dvc checkout` brings the recorded ones, `advtransfer publish` records these"


@dataclass(frozen=True)
class Left:
    """DVC's hash of each output that was left out, and the MD5 of each file in them."""

    outs: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def listing(self, folder: str) -> dict[str, str]:
        """The files of a folder, named from there."""
        return {
            path.removeprefix(f"{folder}/"): md5
            for path, md5 in self.files.items()
            if path.startswith(f"{folder}/")
        }


def write(root: Path, lock: str, outs: dict[str, str], files: dict[str, str]) -> None:
    """Notes what is left out of the present content of the file ``lock``."""
    content = {"lock": _digest(root / lock), "outs": outs, "files": files}
    atomic_write(root / FILE, json.dumps(content, indent=1, sort_keys=True) + "\n")


def load(root: Path, lock: str) -> Left:
    """What was noted; nothing where ``lock`` is not the file that it was then, or the note is damaged."""
    try:
        content: dict[str, Any] = read_json(root / FILE)
        if content["lock"] != _digest(root / lock):
            return Left()
        return Left(dict(content["outs"]), dict(content["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Left()


def forget(root: Path) -> None:
    """Once dvc.lock records what lies here."""
    (root / FILE).unlink(missing_ok=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
