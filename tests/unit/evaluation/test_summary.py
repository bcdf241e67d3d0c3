"""The stages that judge and summarise, from Parquet to the files that DVC shows."""

import json

import pandas as pd
import pytest

from advtransfer.evaluation import table
from advtransfer.evaluation.table import COLUMNS
from advtransfer.stages import claims, summarise

PARAMS = {
    "claims": [
        {
            "id": "C1",
            "claim": "C1",
            "statement": "x",
            "study": "one",
            "query": {"protocol": "linear", "shots": 5, "metric": "accuracy", "target": None},
            "compare": [{"variant": "a", "over": "clean"}],
            "direction": "greater",
            "confidence": 0.95,
        }
    ]
}


@pytest.fixture
def files(tmp_path):
    for study, lift in (("one", 0.1), ("two", 0.0)):
        rows = [
            (
                study,
                "image",
                "s",
                "t",
                variant,
                r,
                "linear",
                5,
                0,
                metric,
                0.5 + 0.01 * r + extra + 0.001 * (r % 2),
            )
            for variant, extra in (("clean", 0.0), ("a", lift))
            for r in range(4)
            for metric in ("accuracy", "robust_accuracy")
        ]
        table.write(pd.DataFrame(rows, columns=COLUMNS), tmp_path / f"{study}.parquet")
    claims.main(PARAMS, {"metrics": tmp_path / "one.parquet"}, {"claims": tmp_path / "one.json"})
    (tmp_path / "two.json").write_text("[]")
    out = {name: tmp_path / name for name in ("metrics", "claims", "summary", "accuracy_by_shots")}
    inputs = {
        "metrics": [tmp_path / "one.parquet", tmp_path / "two.parquet"],
        "claims": [tmp_path / "one.json", tmp_path / "two.json"],
    }
    summarise.main({}, inputs, out)
    return out


def test_all_rows_are_kept(files):
    assert len(table.read(files["metrics"])) == 32
    (row,) = json.loads(files["claims"].read_text())
    assert (row["id"], row["study"], row["verdict"]) == ("C1", "one", "supported")


def test_summary_is_small_and_rounded(files):
    found = json.loads(files["summary"].read_text())
    assert found["one"]["t"]["a"]["linear"]["accuracy"] == {"5": 0.6155}
    assert found["one"]["claims"]["C1"] == {"estimate": 0.1, "verdict": "supported"}
    assert found["two"]["t"]["clean"]["linear"]["robust_accuracy"] == {"5": 0.5155}


def test_table_for_the_plots(files):
    found = pd.read_csv(files["accuracy_by_shots"])
    assert list(found.columns) == [
        "study", "target", "protocol", "shots", "variant", "accuracy", "ci_low", "ci_high", "replicas",
    ]  # fmt: skip
    assert len(found) == 4
