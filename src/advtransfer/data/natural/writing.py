"""Writes prepared images as they come: columns image, label, split, source, and what is said of the whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LEVELS = 255
MAX_ROW_GROUP = 64 * 2**20  # bytes


@dataclass(frozen=True)
class About:
    """What the images do not say of themselves."""

    class_names: tuple[str, ...]
    source: str
    resampling: str


class PreparedWriter:
    """Writes rows as they come; holds one row group.

    Columns image (fixed-size binary: H*W*3 bytes, a pixel's channels together), label (int64, -1 where
    hidden), split, source (the record's name). Pixels are neither compressed (they shrink by 3 % at most) nor
    dictionary-encoded, so reading them is copying.
    """

    def __init__(self, path: Path, resolution: int, row_group_bytes: int) -> None:
        self.shape = (resolution, resolution, 3)
        size = int(np.prod(self.shape))
        if not size <= row_group_bytes <= MAX_ROW_GROUP:
            raise ValueError(
                f"row_group_bytes is {row_group_bytes}; expected {size} (one image) to {MAX_ROW_GROUP}"
            )
        rows = max(1, row_group_bytes // (size + 256))  # 256: the other columns of a row, generously
        self._pixels = np.empty((rows, size), dtype=np.uint8)
        self._rest: list[tuple[int, str, str]] = []
        self._labels: list[np.ndarray] = []
        self._sha256 = hashlib.sha256()
        self._schema = pa.schema(
            [
                ("image", pa.binary(size)),
                ("label", pa.int64()),
                ("split", pa.string()),
                ("source", pa.string()),
            ]
        )
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="none",
            use_dictionary=["split"],
            write_statistics=["label"],
            store_schema=False,  # else readers take the metadata from there: it is written before the rows
        )

    def add(self, pixels: np.ndarray, label: int, split: str, name: str) -> None:
        """One image [H, W, 3] uint8."""
        self._pixels[len(self._rest)] = pixels.reshape(-1)
        self._rest.append((label, split, printable(name)))
        if len(self._rest) == len(self._pixels):
            self._flush()

    def finish(self, about: About) -> None:
        """Writes the last rows and the metadata; ``sha256`` is over all pixels, then all labels (int64)."""
        self._flush()
        labels = np.concatenate([*self._labels, np.empty(0, dtype=np.int64)])
        self._sha256.update(labels.tobytes())
        metadata: dict[str, Any] = {
            "class_names": about.class_names,
            "shape": self.shape,
            "levels": LEVELS,
            "source": about.source,
            "sha256": self._sha256.hexdigest(),
            "resampling": about.resampling,
            "counts": np.bincount(labels[labels >= 0], minlength=len(about.class_names)).tolist(),
        }
        self._writer.add_key_value_metadata({key: json.dumps(value) for key, value in metadata.items()})

    def __enter__(self) -> PreparedWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def _flush(self) -> None:
        if not self._rest:
            return
        pixels = self._pixels[: len(self._rest)]
        labels, splits, names = zip(*self._rest, strict=True)
        self._labels.append(np.array(labels, dtype=np.int64))
        self._sha256.update(pixels.data)
        image = pa.FixedSizeBinaryArray.from_buffers(
            self._schema.field("image").type, len(pixels), [None, pa.py_buffer(pixels)]
        )
        columns = [image, pa.array(self._labels[-1]), pa.array(splits), pa.array(names)]
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rest.clear()


def printable(name: str) -> str:
    """A file name that is not UTF-8 keeps its odd bytes as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
