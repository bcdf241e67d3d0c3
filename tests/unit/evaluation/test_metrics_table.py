"""The metrics table keeps its contract, and its bytes do not depend on the order of the rows."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from advtransfer.evaluation import table

ROW = dict(
    zip(table.COLUMNS, ["s", "image", "a", "t", "clean", 0, "linear", 5, 0, "accuracy", 0.5], strict=True)
)


def test_equal_rows_give_equal_bytes(tmp_path):
    rows = pd.DataFrame([{**ROW, "replica": r, "draw": d} for r in range(5) for d in range(4)])
    table.write(rows, tmp_path / "a.parquet")
    table.write(rows.sample(frac=1, random_state=1), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "a.parquet").names == table.COLUMNS
    assert table.read(tmp_path / "a.parquet")["value"].tolist() == [0.5] * 20


def test_a_missing_column_is_named(tmp_path):
    pd.DataFrame([ROW]).drop(columns="draw").to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet: columns \['draw'\] are missing"):
        table.read(tmp_path / "a.parquet")
