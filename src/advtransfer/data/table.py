"""Prepared images and splits as Parquet: one schema for every source, read back as arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class ImageSet:
    """Images [N, H*W*C] uint8 with labels [N] int64; a pixel's intensity is ``value / levels``."""

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    shape: tuple[int, ...]
    levels: int
    source: str
    sha256: str


def write_images(path: Path, images: ImageSet) -> None:
    """Columns image (fixed-size list of uint8), label (int64), split; the rest of ``ImageSet`` as metadata."""
    pixels = images.images.shape[1]
    columns = {
        "image": pa.FixedSizeListArray.from_arrays(pa.array(images.images.ravel()), pixels),
        "label": pa.array(images.labels.astype(np.int64)),
        "split": pa.array(["all"] * len(images.labels)).dictionary_encode(),
    }
    metadata = {
        "class_names": images.class_names,
        "shape": images.shape,
        "levels": images.levels,
        "source": images.source,
        "sha256": images.sha256,
    }
    encoded = {key: json.dumps(value) for key, value in metadata.items()}
    pq.write_table(pa.table(columns).replace_schema_metadata(encoded), path)


def read_images(path: Path) -> ImageSet:
    """The inverse of ``write_images``."""
    table = pq.read_table(path)
    meta = {key.decode(): json.loads(value) for key, value in (table.schema.metadata or {}).items()}
    flat = table["image"].combine_chunks().flatten().to_numpy()
    return ImageSet(
        images=flat.reshape(len(table), -1),
        labels=table["label"].to_numpy(),
        class_names=tuple(meta["class_names"]),
        shape=tuple(meta["shape"]),
        levels=meta["levels"],
        source=meta["source"],
        sha256=meta["sha256"],
    )


def write_indexed(path: Path, replicas: Sequence[int], columns: dict[str, list[np.ndarray]]) -> None:
    """Per-replica columns, concatenated in the order of ``replicas`` with a column ``replica`` in front."""
    lengths = [len(part) for part in next(iter(columns.values()))]
    table = {"replica": np.repeat(np.asarray(replicas, dtype=np.int32), lengths)}
    table |= {name: np.concatenate(parts) for name, parts in columns.items()}
    pq.write_table(pa.table(table), path)


def read_indexed(path: Path, replicas: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """The inverse of ``write_indexed``: per column one array a replica, rows in their stored order."""
    table = pq.read_table(path)
    owner = table["replica"].to_numpy()
    rows = [np.flatnonzero(owner == replica) for replica in replicas]
    columns = {name: table[name].to_numpy() for name in table.column_names if name != "replica"}
    return {name: [values[r] for r in rows] for name, values in columns.items()}
