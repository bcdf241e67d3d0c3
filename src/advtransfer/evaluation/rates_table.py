"""The rates table: one row a fitted power law, with the points that it was fitted to and what theory says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KEY = ["scenario", "parameter", "variant", "metric"]
POINTS = ["values", "means", "lows", "highs"]  # lists: the swept values, the mean at each, its interval
SLOPES = ["slope", "slope_low", "slope_high", "confidence"]
THEORY = [
    "leading",
    "closed",
    "bound",
]  # exponents on the same grid, nan where there is none (theory.linear.expected)


def write(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write rows with the columns above and ``trials``, in one fixed order and schema; there may be none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(name, pa.string()) for name in KEY] + [(name, pa.list_(pa.float64())) for name in POINTS]
    fields += [(name, pa.float64()) for name in (*SLOPES, *THEORY)] + [("trials", pa.int32())]
    ordered = sorted(rows, key=lambda row: [row[name] for name in KEY])
    pq.write_table(pa.Table.from_pylist(ordered, schema=pa.schema(fields)), path, compression="zstd")


def read(paths: Iterable[Path]) -> pd.DataFrame:
    """All rows of several files; raises ValueError when a column is missing."""
    import pandas as pd
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        tables.append(pq.read_table(path).to_pandas())
        missing = sorted({*KEY, *POINTS, *SLOPES, *THEORY, "trials"} - set(tables[-1].columns))
        if missing:
            raise ValueError(f"{path}: columns {missing} are missing")
    return pd.concat(tables, ignore_index=True)
