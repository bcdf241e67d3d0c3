"""What belongs to a phase: writes the list and removes what a changed params.yaml no longer declares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: roots (the phase's folders), declared (every file that any study may have there).

    inputs: artifacts (those of the default studies). outputs: index, one path a line. Under the roots, what a job made
    (seals and the files they name) and no study declares any more is deleted, then empty folders; nothing else is.
    """
    removed = [str(orphan) for root in params["roots"] for orphan in _orphans(Path(root), params)]
    for orphan in map(Path, removed):
        orphan.unlink()
    for root in map(Path, params["roots"]):
        root.mkdir(parents=True, exist_ok=True)  # DVC records each, also where no study has anything there
        _remove_empty(root)
    outputs["index"].write_text(
        "".join(f"{path}\n" for path in sorted(map(str, inputs["artifacts"]))), encoding="utf-8"
    )
    return {"removed": removed}


def _orphans(root: Path, params: dict[str, Any]) -> Iterator[Path]:
    index = str(Path(params["roots"][0]) / "INDEX")
    ours = {*params["declared"], index}
    for path in sorted(root.rglob("*")):
        if path.suffix == ".seal" and not _private(path) and str(path).removesuffix(".seal") not in ours:
            made_here = (made for made in _made_by(path) if _within(made, params["roots"]))
            yield from (made for made in made_here if made.is_file() and str(made) not in ours)
            yield path


def _made_by(seal: Path) -> list[Path]:
    """The outputs that a seal names; none if it cannot be read."""
    try:
        return [Path(path) for _, path in json.loads(seal.read_text(encoding="utf-8"))["spec"]["outputs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _within(path: Path, roots: list[str]) -> bool:
    """Whether a path lies below one of the roots as it is written: a seal may come from anywhere and name anything."""
    return ".." not in path.parts and any(path.is_relative_to(root) for root in roots)


def _private(path: Path) -> bool:
    """Folders named .tmp-* are where jobs at work keep what is not yet whole."""
    return any(part.startswith(".tmp-") for part in path.parts)


def _remove_empty(root: Path) -> None:
    for folder in sorted((p for p in root.rglob("*") if p.is_dir() and not _private(p)), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
