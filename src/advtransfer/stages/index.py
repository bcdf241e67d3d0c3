"""What belongs to a phase: writes the list and removes what a changed params.yaml no longer declares."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advtransfer.regular_files import read_json, why_unreadable


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: roots (the phase's folders), declared (every file that any study may have there).

    inputs: artifacts (those of the default studies). outputs: index, one path a line. Under the roots, what a job made
    (seals and the files they name) and no study declares any more is deleted, then empty folders; nothing else is.
    Only seals are believed that are whole, and links are neither entered nor followed: what is deleted lies there.
    """
    removed = [str(orphan) for root in params["roots"] for orphan in _orphans(Path(root), params)]
    for orphan in map(Path, removed):
        _remove(orphan)
    for root in map(Path, params["roots"]):
        _make(root)  # DVC records each, also where no study has anything there
        _remove_empty(root)
    outputs["index"].write_text(
        "".join(f"{path}\n" for path in sorted(map(str, inputs["artifacts"]))), encoding="utf-8"
    )
    return {"removed": removed}


def _orphans(root: Path, params: dict[str, Any]) -> Iterator[Path]:
    index = str(Path(params["roots"][0]) / "INDEX")
    ours = {*params["declared"], index}
    for path in sorted(Path(where, name) for where, names in _walk(root) for name in names):
        if (
            path.suffix == ".seal"
            and str(path).removesuffix(".seal") not in ours
            and (made := _made_by(path))
        ):
            made_here = (file for file in made if str(file) not in ours and _within(file, params["roots"]))
            yield from (file for file in made_here if os.path.lexists(file) and not _is_folder(file))
            yield path


def _made_by(seal: Path) -> list[Path]:
    """The outputs that a seal names, the one that it lies beside first; none if it is not whole."""
    try:
        value = read_json(seal)
        paths = [str(path) for _, path in value["spec"]["outputs"]]
        whole = value["id"] == _identity(value) and paths[0] == str(seal).removesuffix(".seal")
        return [Path(path) for path in paths] if whole else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _identity(seal: dict[str, Any]) -> str:
    """The id of an unaltered seal: SHA-256 of what decides freshness, as canonical JSON."""
    decisive = {"spec": seal["spec"], "sha256": seal["sha256"]}
    text = json.dumps(decisive, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _within(path: Path, roots: list[str]) -> bool:
    """Whether a path lies below one of the roots, also where links on the way to it lead."""
    if ".." in path.parts or not any(path.is_relative_to(root) for root in roots):
        return False
    # realpath of the folder: a link in the place of the file itself is deleted, not what it leads to
    folder = Path(os.path.realpath(path.parent))
    return any(folder.is_relative_to(os.path.realpath(root)) for root in roots)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _walk(root: Path, *, top_down: bool = True) -> Iterator[tuple[str, list[str]]]:
    """Folders below ``root``, it included, and names of what is no folder in them; links to folders are not entered.

    Folders named .tmp-* are left out: there jobs at work keep what is not yet whole.
    """
    for where, _, names in os.walk(root, topdown=top_down):
        if not any(part.startswith(".tmp-") for part in Path(where).parts):
            yield where, names


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SystemExit(
            f"{path}: no study declares it, and it cannot be removed: {why_unreadable(error)}"
        ) from None


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"{root}: {why_unreadable(error)}, expected a folder") from None


def _remove_empty(root: Path) -> None:
    for where, _ in _walk(root, top_down=False):
        if where != str(root):
            with contextlib.suppress(OSError):  # not empty, which is how most of them stay
                os.rmdir(where)  # noqa: PTH106 (a string already)
