"""Verdicts need interval and Holm's p; every comparison of a claim counts; a missing variant is an error."""

import json

import numpy as np
import pandas as pd
import pytest

from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.table import COLUMNS

QUERY = {"protocol": "linear", "shots": 5, "metric": "accuracy", "target": None}


def metrics(lifts, replicas=20, noise=0.01, targets=("t",)):
    """One draw per replica; ``lifts`` is the true difference of each variant to clean."""
    rng = np.random.default_rng(0)
    rows = []
    for target in targets:
        level = rng.normal(0.5, 0.05, replicas)
        for variant, lift in {"clean": 0.0, **lifts}.items():
            for r in range(replicas):
                value = level[r] + lift + rng.normal(0, noise)
                rows.append(("s", "image", "a", target, variant, r, "linear", 5, 0, "accuracy", value))
    return pd.DataFrame(rows, columns=COLUMNS)


def claim(*pairs, name="c", **other):
    compare = [{"variant": variant, "over": over} for variant, over in pairs]
    base = {"id": name, "claim": "C1", "statement": "x", "study": "s", "query": QUERY, "compare": compare}
    return {**base, "direction": "greater", "confidence": 0.95, **other}


@pytest.mark.parametrize(
    ("lift", "direction", "verdict"),
    [
        (0.05, "greater", "supported"),
        (-0.05, "greater", "refuted"),
        (0.0, "greater", "inconclusive"),
        (-0.05, "less", "supported"),
        (0.05, "less", "refuted"),
    ],
)
def test_verdict(lift, direction, verdict):
    (row,) = judge(metrics({"a": lift}), [claim(("a", "clean"), direction=direction)])
    assert row["verdict"] == verdict
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["n"] == 20


def test_all_comparisons_must_hold_and_the_weakest_is_shown():
    table = metrics({"adv": 0.05, "pseudo": 0.02, "both": 0.05})
    (row,) = judge(table, [claim(("both", "adv"), ("both", "pseudo"))])
    assert row["verdict"] == "inconclusive"
    assert [c["verdict"] for c in row["comparisons"]] == ["inconclusive", "supported"]
    assert row["estimate"] == row["comparisons"][0]["estimate"]
    (row,) = judge(table, [claim(("pseudo", "adv"), ("both", "pseudo"))])
    assert row["verdict"] == "refuted"


def test_an_interval_alone_is_not_enough():
    """Among forty looks an interval that just excludes 0 proves nothing; alone it would."""
    table = metrics({f"v{i}": 0.012 for i in range(40)}, noise=0.02)
    claims = [claim((f"v{i}", "clean"), name=f"c{i}") for i in range(40)]
    rows = judge(table, claims)
    beyond = [i for i, row in enumerate(rows) if row["ci_low"] > 0 and row["verdict"] == "inconclusive"]
    assert beyond
    assert judge(table, [claims[beyond[0]]])[0]["verdict"] == "supported"


def test_correction_is_over_all_comparisons_of_the_report():
    table = metrics({"a": 0.004, "b": 0.05, "c": 0.05})
    alone = judge(table, [claim(("a", "clean"))])[0]["p_holm"]
    among = judge(table, [claim(("a", "clean")), claim(("b", "clean"), ("c", "clean"), name="d")])[0][
        "p_holm"
    ]
    assert among == pytest.approx(alone)  # the largest p of three is not raised
    table = metrics({"a": 0.05, "b": 0.0, "c": 0.0})
    alone = judge(table, [claim(("a", "clean"))])[0]["p_holm"]
    among = judge(table, [claim(("a", "clean")), claim(("b", "clean"), ("c", "clean"), name="d")])[0][
        "p_holm"
    ]
    assert among == pytest.approx(3 * alone, rel=1e-5)


def test_without_a_target_the_claim_is_about_the_mean_over_targets():
    table = metrics({"a": 0.05}, targets=("t", "u"))
    (row,) = judge(table, [claim(("a", "clean"))])
    assert row["n"] == 20
    one = judge(table, [claim(("a", "clean"), query={**QUERY, "target": "u"})])[0]
    assert one["estimate"] != row["estimate"]


def test_rows_do_not_depend_on_the_order_of_the_metrics():
    table = metrics({"a": 0.05})
    shuffled = table.sample(frac=1, random_state=3)
    assert judge(table, [claim(("a", "clean"))]) == judge(shuffled, [claim(("a", "clean"))])


def test_one_replica_is_inconclusive_and_plain_json():
    (row,) = judge(metrics({"a": 0.05}, replicas=1), [claim(("a", "clean"))])
    assert row["verdict"] == "inconclusive"
    assert json.loads(json.dumps(row, allow_nan=False))["ci_low"] is None


@pytest.mark.parametrize("pair", [("nothing", "clean"), ("a", "nothing")])
def test_a_variant_that_was_not_measured_is_named(pair):
    with pytest.raises(ValueError, match=r"claim 'c': no replica has both .*'nothing'.*found the variants"):
        judge(metrics({"a": 0.05}), [claim(pair)])
