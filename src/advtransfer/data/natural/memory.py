"""Prepared images as one tensor on the device: a batch is a gather."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.natural.images import Images, Loaded
from advtransfer.data.natural.orders import Layout
from advtransfer.data.natural.pool import in_order
from advtransfer.data.natural.prepared import PixelReader, read_column, read_header

READERS = 2  # threads; reading uncompressed pixels is copying, more do not help


@dataclass(frozen=True, kw_only=True)
class MemoryImages(Images):
    """``stored`` [N, H, W, C] uint8 on the device, as in the file."""

    stored: Tensor

    @property
    def pixels(self) -> Tensor:
        """[N, C, H, W] uint8, the same memory."""
        return self.stored.permute(0, 3, 1, 2)

    def load(self, windows: Iterable[np.ndarray]) -> Generator[Loaded, None, None]:
        """See ``Images``."""
        for rows in windows:
            index = self._move(torch.from_numpy(rows))
            yield Loaded(rows, partial(_take, self.stored, index))


def load_images(path: Path, device: torch.device, *, buffer_images: int | None = None) -> MemoryImages:
    """All images of a prepared file; for a GPU the host holds a few row groups at a time."""
    header, reader = read_header(path), PixelReader(path)
    stored = torch.empty((len(header), header.image_bytes), dtype=torch.uint8, device=device)
    groups = range(len(header.group_sizes))
    read = in_order(lambda group: reader.read(group).copy(), groups, workers=READERS, ahead=2 * READERS)
    layout = Layout.of(header.group_sizes)
    for start, pixels in zip(layout.starts.tolist(), read, strict=False):
        stored[start : start + len(pixels)] = torch.from_numpy(pixels)
    height, width, channels = header.shape
    return MemoryImages(
        stored=stored.view(-1, height, width, channels),
        labels=read_column(path, "label"),
        shape=(channels, height, width),
        class_names=header.class_names,
        device=stored.device,
        layout=layout,
        buffer_images=buffer_images,
    )


def _take(stored: Tensor, index: Tensor, begin: int, end: int) -> Tensor:
    return stored.index_select(0, index[begin:end])
