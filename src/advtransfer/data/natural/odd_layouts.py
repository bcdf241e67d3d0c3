"""Folders and tables that are plainly something else than classes of images: refused in one line that says the mend."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from advtransfer.data.natural.layout import Tree

SPLIT_WORDS = frozenset(
    ["train", "training", "trainval", "test", "testing", "val", "valid", "validation", "dev", "eval"]
)
NO_CLASSES = frozenset(
    ["images", "imgs", "jpegimages", "masks", "labels", "annotations"]
)  # folders of other layouts
MEANT = "or name the classes that are meant, classes: [..]"


def refuse_odd_folders(
    root: Path, trees: Mapping[str, Tree], splits: Sequence[str], named: Collection[str]
) -> None:
    """Raises ValueError for trees that do not hold a folder a class.

    Args:
        trees: what lies below each split, or below ``root`` where there are none.
        named: classes that params.yaml names one by one: whoever names them means them.
    """
    for tree in trees.values():
        _refuse_broken(tree, named)
    if not splits and not named:
        _refuse_splits(root, next(iter(trees.values())))
    for tree in trees.values():
        _refuse_no_class(tree)
    if named:
        return
    classes = sorted({name for tree in trees.values() for name in tree.images})
    if len(classes) == 1:
        _refuse_single(root, trees, classes)
    _refuse_strangers(root, trees, classes)
    refuse_alike(root, classes)
    for tree in trees.values():
        for name, paths in sorted(tree.images.items()):
            if not paths:
                raise ValueError(
                    f"{tree.base / name}: no image in this class; add some, remove the folder, {MEANT}"
                )


def refuse_empty(
    place: Path, class_names: Sequence[str], counts: Mapping[str, np.ndarray], named: Collection[str] = ()
) -> None:
    """Raises ValueError for a class that a split has no image of; of a ``named`` class, that all have none of.

    counts: per split the labelled images of each class [C]; a split without a label (all hidden) may lack classes.
    """
    if named:
        counts = {"all": np.sum([*counts.values()], axis=0)}
    for split, found in counts.items():
        empty = np.flatnonzero(found == 0) if found.any() else np.array([], dtype=int)
        if not len(empty):
            continue
        name = class_names[int(empty[0])]
        if all(each.isdecimal() for each in class_names) and len(counts) == 1:
            labels = _listed([class_names[i] for i in np.flatnonzero(found).tolist()])
            raise ValueError(
                f"{place}: no image has the label {name}; found the labels {labels}, expected 0, 1, 2 and so on "
                f"without a gap, null or -1 for none, {MEANT}"
            )
        having = [other for other, those in counts.items() if those[empty[0]]]
        where = f"split {split!r} has no image of it, {_listed(having)} has" if having else "it has no image"
        more = f" ({len(empty)} such classes)" if len(empty) > 1 else ""
        raise ValueError(
            f"{place}: class {name!a}: {where}; expected images of every class in every split, {MEANT}{more}"
        )


def refuse_alike(place: Path, names: Collection[str]) -> None:
    """Raises ValueError for two class names that differ in case, blanks or Unicode form alone."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        if plain in seen:
            raise ValueError(
                f"{place}: the classes {seen[plain]!a} and {name!a} differ in case, blanks or Unicode form alone; give "
                f"them one name, {MEANT}"
            )
        seen[plain] = name


def refuse_one_class(place: Path, class_names: Sequence[str], mend: str = "") -> None:
    """Raises ValueError unless there are two: from one class nothing is learned, and every answer is right."""
    if len(class_names) < 2:
        found = f"the one class {class_names[0]!a}" if class_names else "no class"
        raise ValueError(f"{place}: found {found}, expected at least two{mend}")


def _refuse_broken(tree: Tree, named: Collection[str]) -> None:
    for name, target in sorted(tree.broken.items()):
        if not named or name in named:
            raise ValueError(
                f"{tree.base / name}: a link to {target}, which is not there; "
                "mount the disk that holds it, or remove the link"
            )


def _refuse_splits(root: Path, tree: Tree) -> None:
    words = sorted(name for name in tree.images if name.casefold() in SPLIT_WORDS)
    if len(words) > 1 or (words and len(tree.images) == 1):
        raise ValueError(
            f"{root}: found the folders {_listed(words)}, which look like splits, expected a folder a class; "
            f"say which splits to use, folder: {{path: .., splits: [{', '.join(words)}]}}, {MEANT}"
        )


def _refuse_no_class(tree: Tree) -> None:
    if any(tree.images.values()):
        return
    expected = f"expected {tree.base.name}/CLASS/IMAGE"
    if tree.loose:
        raise ValueError(
            f"{tree.base}: found {len(tree.loose)} images and no folder of a class with images, {expected}: "
            "sort them into a folder a class"
        )
    empty = f"; without an image: {_listed(sorted(tree.images))}" if tree.images else ""
    raise ValueError(f"{tree.base}: no image in it, {expected}{empty}")


def _refuse_single(root: Path, trees: Mapping[str, Tree], classes: Sequence[str]) -> None:
    """An archive that was unpacked into a folder of its own name looks like one class."""
    deep = [
        path.split("/")[1]
        for tree in trees.values()
        for path in tree.images[classes[0]]
        if path.count("/") > 1
    ]
    mend = ""
    if len(inside := sorted(set(deep))) > 1:
        mend = f"; if its folders {_listed(inside)} are meant, let path end in {root.name}/{classes[0]}"
    refuse_one_class(root, classes, mend)


def _refuse_strangers(root: Path, trees: Mapping[str, Tree], classes: Sequence[str]) -> None:
    """Folders that other layouts have, and a split that shares no class with the others."""
    strange = [name for name in classes if name.casefold() in NO_CLASSES]
    if strange:
        where = next(tree.base for tree in trees.values() if strange[0] in tree.images)
        raise ValueError(
            f"{where}: found the folder {strange[0]}, which looks like no class, expected a folder a class; sort the "
            f"images into folders of their classes, {MEANT}"
        )
    for split, tree in trees.items():
        others = {name for other, those in trees.items() if other != split for name in those.images}
        if others and not others & set(tree.images):
            raise ValueError(
                f"{tree.base}: found the folders {_listed(sorted(tree.images))}, none of which is a class of the other "
                f"splits ({_listed(sorted(others))}); expected the same classes in every split, {MEANT}"
            )


def _listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", .." if len(names) > most else "")
