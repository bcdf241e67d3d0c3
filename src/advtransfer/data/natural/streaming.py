"""Prepared images that do not fit into memory: windows of row groups are read while the one before is used.

Threads read, not processes: the pixels are stored uncompressed, so reading is copying by Arrow, which holds
no lock of Python's; processes would cost an import of torch each and another copy between them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.natural.images import Images, Loaded
from advtransfer.data.natural.memory import load_images
from advtransfer.data.natural.orders import Layout
from advtransfer.data.natural.prepared import PixelReader, read_column, read_header

MEMORY_BYTES = 8 * 2**30
BUFFER_BYTES = 2**29


def open_images(
    path: Path,
    device: torch.device,
    *,
    memory_bytes: int = MEMORY_BYTES,
    buffer_images: int | None = None,
    workers: int = 2,
) -> Images:
    """Whole on the device if the pixels take at most ``memory_bytes``, else streamed.

    With ``buffer_images`` shuffled batches are the same either way; None shuffles what is in memory as a
    whole, and what is streamed in windows of 512 MiB. The number of workers changes nothing but the speed.
    """
    header = read_header(path)
    size = len(header) * header.image_bytes
    if size <= memory_bytes:
        return load_images(path, device, buffer_images=buffer_images)
    height, width, channels = header.shape
    return StreamedImages(
        path=path,
        workers=workers,
        labels=read_column(path, "label"),
        shape=(channels, height, width),
        class_names=header.class_names,
        device=device,
        layout=Layout.of(header.group_sizes),
        buffer_images=buffer_images or max(1, BUFFER_BYTES // header.image_bytes),
    )


@dataclass(frozen=True, kw_only=True)
class StreamedImages(Images):
    """Holds up to three windows (the last images of one, the next, and one that is being read) on the host.

    A window takes ``buffer_images`` images, plus a row group.
    """

    path: Path
    workers: int

    def load(self, windows: Iterable[np.ndarray]) -> Generator[Loaded, None, None]:
        """See ``Images``."""
        reader = PixelReader(self.path)
        pool = ThreadPoolExecutor(self.workers)
        waiting: deque[_Reading] = deque()
        try:
            for rows in windows:
                waiting.append(self._begin(pool, reader, rows))
                if len(waiting) > 1:
                    yield waiting.popleft().finish()
            while waiting:
                yield waiting.popleft().finish()
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ThreadPoolExecutor, reader: PixelReader, rows: np.ndarray) -> _Reading:
        channels, height, width = self.shape
        pixels = torch.empty((len(rows), height, width, channels), dtype=torch.uint8)
        flat = pixels.view(len(rows), -1).numpy()
        order = np.argsort(rows, kind="stable")
        futures, at = [], 0
        for group, wanted in self.layout.by_group(rows[order]).items():
            within = wanted - self.layout.starts[group]
            futures.append(pool.submit(_fill, flat[at : at + len(wanted)], reader, group, within))
            at += len(wanted)
        place = np.empty(len(rows), dtype=np.int64)
        place[order] = np.arange(len(rows))
        return _Reading(rows, pixels, torch.from_numpy(place), self.device.type == "cuda", futures)


@dataclass(frozen=True)
class _Reading:
    """A window on its way: ``pixels`` in the order of the file, the i-th of ``rows`` at ``place[i]``."""

    rows: np.ndarray
    pixels: Tensor
    place: Tensor
    pinned: bool
    futures: list[Future[None]]

    def finish(self) -> Loaded:
        for future in self.futures:
            future.result()
        return Loaded(self.rows, self._take)

    def _take(self, begin: int, end: int) -> Tensor:
        """Gathered into pinned memory of its own, so that the copy to the GPU need not be waited for."""
        out = torch.empty((end - begin, *self.pixels.shape[1:]), dtype=torch.uint8, pin_memory=self.pinned)
        return torch.index_select(self.pixels, 0, self.place[begin:end], out=out)


def _fill(target: np.ndarray, reader: PixelReader, group: int, within: np.ndarray) -> None:
    """Copies the wanted rows [n] of a row group into ``target`` [n, bytes]."""
    stored = reader.read(group)
    np.copyto(target, stored if len(within) == len(stored) else stored[within])
