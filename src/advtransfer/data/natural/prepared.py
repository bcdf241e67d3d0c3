"""Prepared images on disk, read in pieces: one Parquet file of raw pixels in row groups (see ``writing``)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Prepared:
    """What a prepared file says of itself; ``shape`` is (H, W, 3), ``counts`` the images of each class."""

    path: Path
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    levels: int
    source: str
    sha256: str
    resampling: str
    counts: tuple[int, ...]
    group_sizes: tuple[int, ...]

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return sum(self.group_sizes)


def read_header(path: Path) -> Prepared:
    """ValueError, in one line, for a file that ``PreparedWriter`` did not write."""
    footer = pq.read_metadata(path)
    try:
        meta: Mapping[str, Any] = {
            key.decode(): json.loads(value)
            for key, value in (footer.metadata or {}).items()
            if key != b"ARROW:schema"
        }
        return Prepared(
            path=path,
            class_names=tuple(meta["class_names"]),
            shape=tuple(meta["shape"]),
            levels=meta["levels"],
            source=meta["source"],
            sha256=meta["sha256"],
            resampling=meta["resampling"],
            counts=tuple(meta["counts"]),
            group_sizes=tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups)),
        )
    except KeyError as error:
        raise ValueError(f"{path}: no prepared images ({error} missing)") from error


def read_column(path: Path, name: str) -> Any:
    """A whole column without the pixels: label as int64 [N], split and source as strings [N]."""
    return pq.read_table(path, columns=[name])[name].to_numpy().copy()  # Arrow's own cannot be written to


class PixelReader:
    """Pixels of a prepared file, one row group at a time; ``read`` may be called from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._footer = pq.read_metadata(path)  # once: it grows with the number of row groups

    def read(self, group: int) -> np.ndarray:
        """[n, H*W*3] uint8, read-only."""
        with pq.ParquetFile(self._path, metadata=self._footer, memory_map=True) as file:
            table = file.read_row_group(group, columns=["image"], use_threads=False)
        column = table["image"].combine_chunks()
        size = column.type.byte_width
        start = column.offset * size
        flat = np.frombuffer(column.buffers()[1], dtype=np.uint8)[start : start + len(column) * size]
        return flat.reshape(-1, size)


def iterate_rows(path: Path) -> Iterator[tuple[np.ndarray, int, str, str]]:
    """Pixels [H*W*3], label, split and name of one row after the other."""
    reader = PixelReader(path)
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rest = file.read_row_group(group, columns=["label", "split", "source"]).to_pydict()
            yield from zip(reader.read(group), rest["label"], rest["split"], rest["source"], strict=True)
