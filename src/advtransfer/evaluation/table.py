"""The metrics table: one row a measurement; the contract between the stages that measure and the rest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SETTING = ["study", "target", "protocol", "metric", "shots"]
COLUMNS = [
    "study",
    "kind",
    "source",
    "target",
    "variant",
    "replica",
    "protocol",
    "shots",
    "draw",
    "metric",
    "value",
]
INTEGERS = ("replica", "shots", "draw")


def read(path: Path) -> pd.DataFrame:
    """The rows of a metrics file, columns ``COLUMNS``. Raises ValueError when a column is missing."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ValueError(f"{path}: columns {missing} are missing, found {table.column_names}")
    return table.select(COLUMNS).to_pandas()


def write(rows: pd.DataFrame, path: Path) -> None:
    """Write rows in one fixed order and schema, so that equal rows give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _arrow_type(name)) for name in COLUMNS])
    ordered = rows.sort_values(COLUMNS[:-1], kind="stable")
    table = pa.Table.from_pydict({name: ordered[name].to_numpy() for name in COLUMNS}, schema=schema)
    pq.write_table(table, path, compression="zstd")


def join(paths: list[Path]) -> pd.DataFrame:
    """All rows of several metrics files."""
    import pandas as pd

    return pd.concat([read(path) for path in paths], ignore_index=True)


def per_replica(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over draws: one row per study, target, protocol, metric, shots, variant and replica.

    Draws of one replica share its network and its images: they are no independent repeats, so they must not
    count as observations.
    """
    key = [*SETTING, "variant", "replica"]
    # Sorted first, because the last bit of a mean depends on the order of its terms.
    ordered = rows.sort_values([*key, "draw"], kind="stable")
    return ordered.groupby(key, as_index=False, observed=True)[["value"]].mean()


def _arrow_type(column: str) -> object:
    import pyarrow as pa

    if column == "value":
        return pa.float64()
    return pa.int32() if column in INTEGERS else pa.string()
