"""What training and evaluation are given, whether the images lie in memory or are read as they are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.natural.orders import Layout, RngOfEpoch, endless, ordered_windows, shuffled_windows


@dataclass(frozen=True)
class Batch:
    """Stored images, not augmented, on the device that they are computed on.

    Args:
        x: [B, C, H, W] uint8, channels last in memory.
        y: [B] int64, -1 where the label is hidden.
        index: [B] int64, positions in the prepared file.
    """

    x: Tensor
    y: Tensor
    index: Tensor


@dataclass(frozen=True)
class Loaded:
    """Images at positions ``rows`` [n]; ``take(i, j)`` gives the i-th to (j-1)-th, [j-i, H, W, C] uint8."""

    rows: np.ndarray
    take: Callable[[int, int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Images(ABC):
    """N prepared images.

    Args:
        labels: [N] int64 on the host.
        shape: (C, H, W).
        layout, buffer_images: decide the shuffled order (see ``orders``), so with the same ``buffer_images``
            it does not matter where the images lie.
    """

    labels: np.ndarray
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    device: torch.device
    layout: Layout
    buffer_images: int | None

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def load(self, windows: Iterable[np.ndarray]) -> Generator[Loaded, None, None]:
        """The images of one window of positions after the other."""

    def batch(self, index: np.ndarray) -> Tensor:
        """[B, C, H, W] uint8 of any positions [B], in their order."""
        return next(self.ordered(index, size=len(index))).x

    def shuffled(
        self, rows: np.ndarray, *, size: int, steps: int, rng_of_epoch: RngOfEpoch, start: int = 0
    ) -> Iterator[Batch]:
        """Steps ``start`` to ``steps`` - 1 of training on ``rows`` [n], ``size`` images each.

        Epoch follows epoch: a batch may straddle two of them, no image is dropped. A step's batch depends on
        its number alone, not on where the iteration began.
        """
        if not len(rows):
            raise ValueError("no images to draw batches from")
        rows = rows.astype(np.int64)

        def epoch_of(epoch: int) -> list[np.ndarray]:
            return shuffled_windows(self.layout, rows, rng_of_epoch(epoch), self.buffer_images)

        windows = endless(epoch_of, len(rows), start * size)
        with closing(self._batches(windows, size)) as batches:  # so that leaving early stops what reads ahead
            for _ in range(start, steps):
                yield next(batches)

    def ordered(self, rows: np.ndarray, *, size: int) -> Iterator[Batch]:
        """``rows`` [n] once, as they are given; the last batch may be smaller."""
        return self._batches(ordered_windows(rows.astype(np.int64), self.buffer_images), size)

    def _batches(self, windows: Iterable[np.ndarray], size: int) -> Generator[Batch, None, None]:
        parts: list[tuple[np.ndarray, Tensor]] = []
        missing = size
        with closing(self.load(windows)) as pieces:
            for loaded in pieces:
                at = 0
                while at < len(loaded.rows):
                    end = min(at + missing, len(loaded.rows))
                    parts.append((loaded.rows[at:end], loaded.take(at, end)))
                    missing, at = missing - (end - at), end
                    if not missing:
                        yield self._batch(parts)
                        parts, missing = [], size
        if parts:
            yield self._batch(parts)

    def _batch(self, parts: list[tuple[np.ndarray, Tensor]]) -> Batch:
        rows = np.concatenate([rows for rows, _ in parts])
        x = parts[0][1] if len(parts) == 1 else torch.cat([pixels for _, pixels in parts])
        return Batch(
            x=self._move(x).permute(0, 3, 1, 2),
            y=self._move(torch.from_numpy(self.labels[rows])),
            index=self._move(torch.from_numpy(rows)),
        )

    def _move(self, tensor: Tensor) -> Tensor:
        """To the device, without waiting for it where the tensor's memory is pinned."""
        return tensor if tensor.device == self.device else tensor.to(self.device, non_blocking=True)
