"""What was edited while a run computed: recording it would compute the edited thing without a word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advtransfer.strict_yaml import read_yaml

_VALUES = ("params.yaml", "reports/claims.yaml")
_CODE = ("Snakefile", "workflow", "src")
_TEMPLATES = "reports/*.ipynb"


class Watch:
    """The parameters and the code as they are when this is made, to be compared with what they are later."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._values = _values(root)
        self._code = dict(_hashes(root))

    def edited(self, when: str) -> str:
        """What to say if the parameters are others now, or the code is and results are stale by it; else nothing."""
        files = self._parameters() or self._code_that_matters()
        named = f"{files[0]} and {len(files) - 1} more files" if len(files) > 2 else " and ".join(files)
        return f"{named} changed {when}: run again" if files else ""

    def _parameters(self) -> list[str]:
        """The files of parameters that hold other values; a comment is none."""
        present = _values(self._root)
        return [name for name in _VALUES if present[name] != self._values[name]]

    def _code_that_matters(self) -> list[str]:
        """The files of code, rules and templates that are others, unless all results are fresh all the same."""
        from advtransfer.cli.plan import dry_run

        present = dict(_hashes(self._root))
        names = sorted({*present, *self._code})
        changed = [name for name in names if present.get(name) != self._code.get(name)]
        return changed if changed and not dry_run(self._root, all_studies=False) else []


def _values(root: Path) -> dict[str, Any]:
    """What the files hold, or what is wrong with them."""
    found: dict[str, Any] = {}
    for name in _VALUES:
        try:
            found[name] = read_yaml(root / name)
        except ValueError as error:
            found[name] = error.args
    return found


def _hashes(root: Path) -> Iterator[tuple[str, str]]:
    for path in [*root.glob(_TEMPLATES), *(file for name in _CODE for file in _files(root / name))]:
        try:
            yield path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            continue  # removed since, or no file


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return [path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
