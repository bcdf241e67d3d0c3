"""What may differ between two kinds of machine."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from advtransfer.evaluation import table, tolerance
from advtransfer.evaluation.tolerance import Tolerances, compare

TOLERANCES = Tolerances(metrics={"accuracy": 0.01}, other=0.1)
# Of two replicas the half-width is t(.975, 1) = 12.706 times their distance from the mean: half of it is .01 here.
SPREAD = 0.01 / 6.3531


def metrics(path, accuracy=0.5, loss=1.0, variant="clean", spread=0.0):
    row = {
        "study": "s",
        "kind": "image",
        "source": "d",
        "target": "t",
        "variant": variant,
        "protocol": "linear",
        "shots": 5,
    }
    rows = [
        {
            **row,
            "replica": replica,
            "draw": draw,
            "metric": metric,
            "value": value + (spread if replica else -spread),
        }
        for replica in range(2)
        for draw in range(2)
        for metric, value in (("accuracy", accuracy), ("loss", loss))
    ]
    table.write(pd.DataFrame(rows), path)
    return path


def test_the_metric_nearest_to_its_own_limit_is_shown(tmp_path):
    old = metrics(tmp_path / "old.parquet")
    assert compare(old, metrics(tmp_path / "a.parquet", accuracy=0.509, loss=1.01), TOLERANCES) == (
        True,
        "0.009 of 0.01 allowed at s/t/clean/linear/accuracy/5",
    )
    agrees, shown = compare(old, metrics(tmp_path / "b.parquet", loss=0.8), TOLERANCES)
    assert agrees is False and shown == "0.2 of 0.1 allowed at s/t/clean/linear/loss/5"


def test_a_number_with_an_interval_may_move_by_half_of_its_half_width_and_no_more(tmp_path):
    old = metrics(tmp_path / "old.parquet", spread=SPREAD)
    near = metrics(tmp_path / "near.parquet", accuracy=0.5099, loss=1.0099, spread=SPREAD)
    assert compare(old, near, TOLERANCES)[0] is True
    agrees, shown = compare(old, metrics(tmp_path / "far.parquet", loss=1.0101, spread=SPREAD), TOLERANCES)
    assert agrees is False and shown == "0.01 of 0.01 allowed at s/t/clean/linear/loss/5"


def test_other_measurements_do_not_agree(tmp_path):
    old, new = metrics(tmp_path / "old.parquet"), metrics(tmp_path / "new.parquet", variant="other")
    assert compare(old, new, TOLERANCES) == (False, "other measurements were made")


def test_claims_are_compared_by_the_metric_that_they_are_about(tmp_path):
    def claims(name, estimate, metric="accuracy", **more):
        row = {"id": "C1", "estimate": estimate, "query": {"metric": metric}, "verdict": "supported"}
        path = tmp_path / name
        path.write_text(json.dumps([row | {"ci_low": None, "ci_high": None} | more]))
        return path

    old = claims("old.json", 0.05)
    assert compare(old, claims("near.json", 0.055), TOLERANCES)[0] is True
    assert compare(old, claims("far.json", 0.07), TOLERANCES) == (False, "0.02 of 0.01 allowed at C1")
    assert compare(claims("a.json", 0.05, "loss"), claims("b.json", 0.07, "loss"), TOLERANCES)[0] is True
    wide = claims("wide.json", 0.05, ci_low=0.0, ci_high=0.1)
    assert compare(wide, claims("far.json", 0.07), TOLERANCES) == (True, "0.02 of 0.025 allowed at C1")
    flipped = claims("flipped.json", 0.05, verdict="refuted")
    assert compare(old, flipped, TOLERANCES) == (False, "another verdict on C1")


def test_what_has_no_unit_is_not_judged(tmp_path):
    for name, shift in (("old", 0.0), ("new", 0.25)):
        save_file({"w": np.full((2, 2), shift, dtype=np.float32)}, tmp_path / f"{name}.safetensors")
        pq.write_table(pa.table({"index": [1, 2]}), tmp_path / f"{name}.parquet")
        (tmp_path / f"{name}.html").write_text(name)
    verdicts = {
        end: compare(tmp_path / f"old{end}", tmp_path / f"new{end}", TOLERANCES)
        for end in (".safetensors", ".parquet", ".html")
    }
    assert {agrees for agrees, _ in verdicts.values()} == {None}
    assert "up to 0.25" in verdicts[".safetensors"][1]


def test_the_projects_own_file_is_valid_and_a_mistake_is_one_line(tmp_path):
    assert tolerance.load(Path(__file__).parents[3] / "reports/tolerances.yaml").of("accuracy") < 0.01
    path = tmp_path / "t.yaml"
    path.write_text("metrics: {accuracy: yes}\nother: 0.1\n")
    with pytest.raises(ValueError, match=r"t\.yaml: key metrics\.accuracy: found True, expected"):
        tolerance.load(path)
