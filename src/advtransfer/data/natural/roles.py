"""The roles of the images of one replica as a table: side (source or a target's name), role, index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SOURCE = "source"


def write_roles(path: Path, sides: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Per side its roles, as ``natural.splits`` deals them: positions [n] (int64) in the prepared file."""
    rows = [(side, role, indices) for side, roles in sides.items() for role, indices in roles.items()]
    lengths = [len(indices) for _, _, indices in rows]
    columns = {
        "side": pa.array(np.repeat([side for side, _, _ in rows], lengths)).dictionary_encode(),
        "role": pa.array(np.repeat([role for _, role, _ in rows], lengths)).dictionary_encode(),
        "index": pa.array(np.concatenate([indices for _, _, indices in rows]).astype(np.int32)),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_roles(path: Path, side: str) -> dict[str, np.ndarray]:
    """Role -> positions [n] (int64) of one side, in their stored order. ValueError for a side that is not there."""
    table = pq.read_table(path)
    chosen = table.filter(pc.equal(table["side"], side))
    if not len(chosen):
        raise ValueError(f"{path}: nothing about {side!r}")
    roles, indices = chosen["role"].to_numpy(), chosen["index"].to_numpy().astype(np.int64)
    return {str(role): indices[roles == role] for role in np.unique(roles.astype(str))}
