"""In which order an epoch visits the images: the same in memory and for data read as it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

RngOfEpoch = Callable[[int], np.random.Generator]
"""e.g. ``lambda epoch: stream(seed, "replica", replica, "batches", epoch)``."""


@dataclass(frozen=True)
class Layout:
    """Where each row group of a file begins: ``starts`` [groups + 1] ascends from 0 to N."""

    starts: np.ndarray

    @classmethod
    def of(cls, group_sizes: Sequence[int]) -> Layout:
        return cls(np.concatenate([[0], np.cumsum(group_sizes, dtype=np.int64)]))

    def by_group(self, rows: np.ndarray) -> dict[int, np.ndarray]:
        """Ascending positions ``rows`` [n], divided by the row group they lie in."""
        groups, first = np.unique(np.searchsorted(self.starts, rows, side="right") - 1, return_index=True)
        return dict(zip(groups.tolist(), np.split(rows, first[1:]), strict=True))


def shuffled_windows(
    layout: Layout, rows: np.ndarray, rng: np.random.Generator, buffer_images: int | None
) -> list[np.ndarray]:
    """An epoch over ``rows`` [n]: the row groups in random order, every window of them in random order.

    A window takes row groups until it has ``buffer_images`` images; None makes one window, a permutation of
    all rows. Images of one row group stay near each other: where the data is stored class by class, batches
    hold few classes unless a window spans many row groups: keep row groups small and windows large.
    """
    rows = np.sort(rows)
    if buffer_images is None:
        return [rng.permutation(rows)]
    parts = layout.by_group(rows)
    windows, held = [], []
    for group in rng.permutation(list(parts)).tolist():
        held.append(parts[group])
        if sum(map(len, held)) >= buffer_images:
            windows.append(rng.permutation(np.concatenate(held)))
            held = []
    return [*windows, rng.permutation(np.concatenate(held))] if held else windows


def ordered_windows(rows: np.ndarray, buffer_images: int | None) -> Iterator[np.ndarray]:
    """``rows`` [n] as they are given, in pieces of at most ``buffer_images``."""
    size = buffer_images or max(1, len(rows))
    return (rows[start : start + size] for start in range(0, len(rows), size))


def endless(
    epoch_of: Callable[[int], list[np.ndarray]], epoch_images: int, start: int
) -> Iterator[np.ndarray]:
    """Windows of epoch after epoch from the ``start``-th image on; epochs before it are not even drawn."""
    epoch, skip = divmod(start, epoch_images)
    while True:
        for window in epoch_of(epoch):
            if skip < len(window):
                yield window[skip:]
            skip = max(0, skip - len(window))
        epoch += 1
