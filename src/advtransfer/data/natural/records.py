"""What every source of images gives: records in the order of their names, with class names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL.Image import Image

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class Record:
    """One image before it is decoded; ``label`` is -1 where the source hides it.

    ``read`` fetches the encoded bytes or, where the source cannot give them, a Pillow image, in any thread.
    """

    name: str
    label: int
    split: str
    read: Callable[[], bytes | Image]


@dataclass(frozen=True)
class Source:
    """A data set that can be gone through again and again.

    Args:
        place: where it lies, for messages; ``description`` goes into prepared files and names no folder.
        count: number of records.
        records: starts a pass; the names ascend strictly.
        other_files: files beside the images that are no images by suffix and first bytes.
        counts: per split how many records each class has [C], where that is known.
    """

    place: Path
    description: str
    class_names: tuple[str, ...]
    count: int
    records: Callable[[], Iterator[Record]]
    other_files: int = 0
    counts: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """Which part of a source is used: everything by default.

    Args:
        classes: the first so many classes by name, or their names.
        per_class: the first so many records by name of every class in every split, before any is rejected.
    """

    classes: int | Sequence[str] | None = None
    per_class: int | None = None

    @property
    def named(self) -> Sequence[str]:
        """The classes that were named one by one; none if a number of them or all are taken."""
        return [] if self.classes is None or isinstance(self.classes, int) else self.classes

    def chosen(self, class_names: Sequence[str], place: Path) -> list[int]:
        """Labels of the chosen classes, ascending: the source's own order numbers them anew."""
        if self.classes is None:
            return list(range(len(class_names)))
        asked = sorted(class_names)[: self.classes] if isinstance(self.classes, int) else self.classes
        unknown = sorted(set(asked) - set(class_names))
        if unknown or (isinstance(self.classes, int) and not 0 < self.classes <= len(class_names)):
            found = f"{unknown[0]!r}" if unknown else f"{self.classes} classes"
            raise ValueError(
                f"{place}: {found} asked for, it has the {len(class_names)} classes {_few(class_names)}"
            )
        return [label for label, name in enumerate(class_names) if name in set(asked)]


@dataclass(frozen=True)
class Choice:
    """The part of N records that ``Limits`` leave: ``positions`` [n] ascending, their new ``labels`` [n]."""

    positions: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def counts(self, splits: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Per split the chosen records of each class [C]; ``splits`` [N] are numbers of ``names``."""
        size = len(self.class_names)
        of_chosen, known = splits[self.positions], self.labels >= 0
        return {
            name: np.bincount(self.labels[known & (of_chosen == number)], minlength=size)
            for number, name in enumerate(names)
        }


def choose(
    limits: Limits, labels: np.ndarray, splits: np.ndarray, class_names: Sequence[str], place: Path
) -> Choice:
    """Applies limits to records in the order of their names.

    Args:
        labels, splits: [N] int64 each; a split is a number. Unlabelled records stay unless classes are
            chosen, and ``per_class`` treats them as one more class.

    Raises ValueError for a class that the source lacks, a label without a name, or if nothing is left.
    """
    if len(labels) and not UNLABELLED <= labels.min() <= labels.max() < len(class_names):
        found = labels[(labels < UNLABELLED) | (labels >= len(class_names))][0]
        raise ValueError(
            f"{place}: label {found} found, expected 0 to {len(class_names) - 1} (-1: unlabelled)"
        )
    chosen = limits.chosen(class_names, place)
    renumbered = np.full(len(class_names) + 1, UNLABELLED, dtype=np.int64)  # the last place is label -1's
    renumbered[chosen] = np.arange(len(chosen))
    keep = np.isin(labels, chosen) if limits.classes is not None else np.ones(len(labels), dtype=bool)
    if limits.per_class is not None:
        keep &= _rank_in_group(splits * (len(class_names) + 1) + labels) < limits.per_class
    if not keep.any():
        raise ValueError(f"{place}: no image in it, or the limits leave none")
    return Choice(
        np.flatnonzero(keep), renumbered[labels[keep]], tuple(class_names[label] for label in chosen)
    )


def _rank_in_group(group: np.ndarray) -> np.ndarray:
    """How many earlier entries have the same value."""
    order = np.argsort(group, kind="stable")
    _, starts, counts = np.unique(group[order], return_index=True, return_counts=True)
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(starts, counts)
    return rank


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
