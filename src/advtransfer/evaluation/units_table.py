"""The units table of the sparse-coding study: one row a hidden unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

KEY = ["scenario", "variant", "replica", "unit"]
VALUES = ["alignment", "importance"]  # of theory.sparse_coding.purity


def write(scenario: str, units: Mapping[str, Mapping[str, np.ndarray]], path: Path) -> None:
    """Write ``{variant: {alignment, importance}}``, both [replicas, units], in one fixed order and schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for variant, arrays in sorted(units.items()):
        replica, unit = np.indices(arrays["alignment"].shape, dtype=np.int32).reshape(2, -1)
        key = {"scenario": [scenario] * len(unit), "variant": [variant] * len(unit)}
        values = {name: arrays[name].astype(np.float32).ravel() for name in VALUES}
        parts.append(pa.table({**key, "replica": replica, "unit": unit, **values}))
    pq.write_table(pa.concat_tables(parts), path, compression="zstd")


def read(paths: Iterable[Path]) -> pd.DataFrame:
    """All rows of several files; raises ValueError when a column is missing."""
    import pandas as pd
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        tables.append(pq.read_table(path).to_pandas())
        missing = sorted({*KEY, *VALUES} - set(tables[-1].columns))
        if missing:
            raise ValueError(f"{path}: columns {missing} are missing")
    return pd.concat(tables, ignore_index=True)
