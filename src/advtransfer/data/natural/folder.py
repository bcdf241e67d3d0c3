"""Images in a folder a class: ROOT/CLASS/**/image, or ROOT/SPLIT/CLASS/**/image as ImageNet is laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np

from advtransfer.data.natural.decode import MAX_BYTES, RejectedError
from advtransfer.data.natural.layout import WHOLE, read_trees
from advtransfer.data.natural.odd_layouts import refuse_odd_folders
from advtransfer.data.natural.records import UNLABELLED, Limits, Record, Source, choose
from advtransfer.regular_files import read_bytes


def image_folder(
    root: Path, splits: Sequence[str] = (), limits: Limits | None = None, *, careful: bool = False
) -> Source:
    """The images below ``root``, named by their path below it.

    Args:
        root: holds one folder a class, or one folder a split if ``splits`` names some.
        splits: folders of ``root`` to join. A class that only some of them have is a class of all.
        careful: refuse trees that are plainly something else (see ``odd_layouts``).

    An image is what has the suffix of one or begins like one. Those beside the folders of the classes are records
    that cannot be read, so that they are told of; so is what has the name of one and is a pipe or a device. Hidden
    files and folders are left alone; links are followed. Raises ValueError, in one line, if a folder is missing or
    closed to this user, or no image is found.
    """
    limits = limits or Limits()
    trees = read_trees(root, splits)
    if careful:
        refuse_odd_folders(root, trees, splits, limits.named)
    class_names = sorted({name for tree in trees.values() for name, paths in tree.images.items() if paths})
    labelled = {name: label for label, name in enumerate(class_names)}
    rows = sorted(
        (f"{split}/{path}" if splits else path, labelled.get(name, UNLABELLED), number)
        for number, (split, tree) in enumerate(trees.items())
        for name, paths in [*tree.images.items(), ("", tree.loose)]
        for path in paths
    )
    paths = [row[0] for row in rows]
    labels, numbers = (np.array([row[i] for row in rows], dtype=np.int64) for i in (1, 2))
    choice = choose(limits, labels, numbers, class_names, root)

    def records() -> Iterator[Record]:
        for position, label in zip(choice.positions, choice.labels, strict=True):
            path, split = paths[position], splits[numbers[position]] if splits else WHOLE
            read: Callable[[], bytes] = (
                _misplaced if label == UNLABELLED else partial(_read, f"{root}/{path}")
            )
            yield Record(path, int(label), split, read)

    return Source(
        place=root,
        description=f"folder {root.name} ({', '.join(splits) or WHOLE})",
        class_names=choice.class_names,
        count=len(choice.positions),
        records=records,
        other_files=sum(tree.others for tree in trees.values()),
        counts=choice.counts(numbers, list(trees)),
    )


def _read(path: str) -> bytes:
    return read_bytes(path, MAX_BYTES)


def _misplaced() -> NoReturn:
    raise RejectedError("no-class", "beside the folders of the classes")
