"""Images in a folder a class: ROOT/CLASS/**/image, or ROOT/SPLIT/CLASS/**/image as ImageNet is laid out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from advtransfer.data.natural.decode import MAX_BYTES
from advtransfer.data.natural.records import Limits, Record, Source, choose
from advtransfer.regular_files import read_bytes, why_unreadable

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp", ".gif")
WHOLE = "all"  # the split of a tree that has none


def image_folder(root: Path, splits: Sequence[str] = (), limits: Limits | None = None) -> Source:
    """The images below ``root``, named by their path below it.

    Args:
        root: holds one folder a class, or one folder a split if ``splits`` names some.
        splits: folders of ``root`` to join. A class that only some of them have is a class of all.

    Hidden files and folders are left alone; a symbolic link to a class folder is followed. Raises ValueError,
    in one line, if a folder is missing or closed to this user, or no image is found. What has the name of an image
    and cannot be read, a pipe or a device included, is a record whose reading fails.
    """
    found = [_listing(root / split if splits else root) for split in splits or (WHOLE,)]
    class_names = sorted({name for listing in found for name in listing.images})
    rows = sorted(
        (f"{split}/{path}" if splits else path, label, number)
        for number, (split, listing) in enumerate(zip(splits or (WHOLE,), found, strict=True))
        for label, name in enumerate(class_names)
        for path in listing.images.get(name, ())
    )
    paths = [row[0] for row in rows]
    labels, numbers = (np.array([row[i] for row in rows], dtype=np.int64) for i in (1, 2))
    choice = choose(limits or Limits(), labels, numbers, class_names, root)

    def records() -> Iterator[Record]:
        for position, label in zip(choice.positions, choice.labels, strict=True):
            path, split = paths[position], splits[numbers[position]] if splits else WHOLE
            yield Record(path, int(label), split, partial(_read, f"{root}/{path}"))

    return Source(
        place=root,
        description=f"folder {root.name} ({', '.join(splits) or WHOLE})",
        class_names=choice.class_names,
        count=len(choice.positions),
        records=records,
        other_files=sum(listing.others for listing in found),
    )


@dataclass(frozen=True)
class _Listing:
    """Per class the paths of its images below a folder, and how many other files lie there."""

    images: dict[str, list[str]]
    others: int


def _listing(base: Path) -> _Listing:
    if not base.is_dir():
        raise ValueError(f"{base}: no such folder; expected one folder a class in it")
    entries = _entries(base)
    images, others = {}, sum(not _is_folder(entry) for entry in entries)
    for entry in entries:
        if _is_folder(entry):
            files = list(_files(entry.path, entry.name))
            images[entry.name] = [path for path in files if path.lower().endswith(SUFFIXES)]
            others += len(files) - len(images[entry.name])
    return _Listing({name: paths for name, paths in images.items() if paths}, others)


def _files(folder: str, name: str) -> Iterator[str]:
    """Paths below ``folder``, with ``name`` in front and slashes between."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, f"{name}/{entry.name}")
        else:
            yield f"{name}/{entry.name}"


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        return [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise ValueError(f"{folder}: {why_unreadable(error)}, expected a folder to look into") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _read(path: str) -> bytes:
    return read_bytes(path, MAX_BYTES)
