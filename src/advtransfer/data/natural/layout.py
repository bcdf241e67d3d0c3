"""What lies in a folder of images: classes, images of no class, other files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from advtransfer.data.natural.kinds import looks_like_image
from advtransfer.regular_files import why_unreadable

WHOLE = "all"  # the split of a tree that has none
_Real = tuple[int, int]  # device and number of a folder: the same however one came to it


@dataclass(frozen=True)
class Tree:
    """What lies below one folder, as paths with slashes.

    images: per class folder its images, also none. loose: images that lie in no class folder. broken: links in the
    place of a class folder that lead nowhere, and where to. others: how many files are no images by their first bytes.
    """

    base: Path
    images: dict[str, list[str]] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    others: int = 0


def read_trees(root: Path, splits: Sequence[str]) -> dict[str, Tree]:
    """``read_tree`` of each split, or of ``root`` where there are none."""
    return {split: read_tree(root / split if splits else root) for split in splits or (WHOLE,)}


def read_tree(base: Path) -> Tree:
    """Looks at every name below ``base``; opens files only whose suffix is none of an image.

    Hidden files and folders are left alone. Links are followed; one that leads back to a folder that it lies in is
    counted among the others. Raises ValueError, in one line, if there is no such folder.
    """
    if not base.is_dir():
        found = "a file" if base.exists() else "no such folder"
        raise ValueError(f"{base}: {found}; expected one folder a class in it")
    images, loose, broken, others = {}, [], {}, 0
    for entry in _entries(base):
        if _is_folder(entry):
            files = list(_below(entry.path, entry.name, (_real(base), _real(entry.path))))
            images[entry.name] = [name for name, path in files if path and looks_like_image(path)]
            others += len(files) - len(images[entry.name])
        elif entry.is_symlink() and not _leads_somewhere(entry):
            broken[entry.name] = str(Path(entry.path).readlink())
        elif looks_like_image(entry.path):
            loose.append(entry.name)
        else:
            others += 1
    return Tree(base, images, loose, broken, others)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise ValueError(f"{folder}: {why_unreadable(error)}, expected a folder to look into") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Name below ``folder``, with slashes, and path of every file; hidden ones left alone, links followed."""
    found = _below(str(folder), "", (_real(folder),))
    yield from ((name, path) for name, path in found if path)


def _below(folder: str, name: str, above: tuple[_Real, ...]) -> Iterator[tuple[str, str | None]]:
    """Name (``name`` in front) and path of every file; no path for a link back to one of the folders ``above``."""
    for entry in _entries(folder):
        inner = f"{name}/{entry.name}" if name else entry.name
        if not _is_folder(entry):
            yield inner, entry.path
        elif not entry.is_symlink():
            yield from _below(entry.path, inner, (*above, _real(entry.path)))
        elif (real := _real(entry.path)) in above:
            yield inner, None
        else:
            yield from _below(entry.path, inner, (*above, real))


def _leads_somewhere(entry: os.DirEntry[str]) -> bool:
    try:
        return bool(entry.stat())
    except OSError:
        return False


def _real(folder: str | Path) -> _Real:
    found = Path(folder).stat()
    return found.st_dev, found.st_ino
