"""Learning curves as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor


def write_curves(path: Path, curves: Mapping[str, Tensor], replicas: Sequence[int]) -> None:
    """Columns step, replica and one per curve (float32), from name -> [steps, R]."""
    steps = len(next(iter(curves.values())))
    columns = {
        "step": np.repeat(np.arange(steps, dtype=np.int32), len(replicas)),
        "replica": np.tile(np.asarray(replicas, dtype=np.int32), steps),
    }
    columns |= {name: values.cpu().numpy().ravel() for name, values in sorted(curves.items())}
    pq.write_table(pa.table(columns), path)
