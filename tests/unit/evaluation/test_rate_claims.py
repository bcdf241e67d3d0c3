"""Claims of equality and claims about rates: the interval against a margin."""

import json

import numpy as np
import pandas as pd
import pytest

from advtransfer.evaluation import claims_file
from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.table import COLUMNS

QUERY = {"protocol": "theory", "shots": 0, "metric": "sin_theta_op", "target": "s"}
BASE = {"id": "c", "claim": "C4", "statement": "x", "study": "t", "query": QUERY}
EQUAL = {"direction": "equal", "margin": 0.1, "confidence": 0.95}
PAIR = {"compare": [{"variant": "a", "over": "clean"}]}
RATE = {"rate": {"over": "n", "variant": "clean", "exponent": -0.5}}


def metrics(difference, noise=0.01):
    rng = np.random.default_rng(0)
    rows = []
    for r in range(20):
        level = rng.normal(0.5, 0.1)
        for variant, lift in (("clean", 0.0), ("a", difference + rng.normal(0, 1) * noise)):
            rows.append(
                (
                    "t",
                    "linear_theory",
                    "simulation",
                    "s",
                    variant,
                    r,
                    "theory",
                    0,
                    0,
                    "sin_theta_op",
                    level + lift,
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)  # fmt: skip


def rates(slope, half):
    row = {
        "scenario": "s",
        "parameter": "n",
        "variant": "clean",
        "metric": "sin_theta_op",
        "confidence": 0.95,
    }
    numbers = {"slope": slope, "slope_low": slope - half, "slope_high": slope + half, "trials": 50}
    return pd.DataFrame([{**row, **numbers, "closed": np.nan, "bound": -0.5}])


@pytest.mark.parametrize(
    ("difference", "noise", "verdict"),
    [
        (0.0, 0.01, "supported"),
        (0.05, 0.01, "supported"),
        (0.2, 0.01, "refuted"),
        (-0.2, 0.01, "refuted"),
        (0.1, 0.01, "inconclusive"),
        (0.0, 0.5, "inconclusive"),
        (0.0, 0.0, "supported"),
    ],
)
def test_equal(difference, noise, verdict):
    (row,) = judge(metrics(difference, noise), [{**BASE, **PAIR, **EQUAL}])
    assert row["verdict"] == verdict
    assert row["margin"] == 0.1
    json.dumps(row, allow_nan=False)


def test_the_pair_farthest_from_equal_is_shown():
    rows = metrics(0.05)
    rows = pd.concat([rows, rows[rows["variant"] == "clean"].assign(variant="b")])
    pairs = [{"variant": "b", "over": "clean"}, {"variant": "a", "over": "clean"}]
    (row,) = judge(rows, [{**BASE, "compare": pairs, **EQUAL}])
    assert row["estimate"] == row["comparisons"][1]["estimate"] > 0.04


@pytest.mark.parametrize(
    ("slope", "half", "verdict", "exact"),
    [
        (-0.49, 0.001, "supported", False),
        (-0.49, 0.02, "supported", True),
        (-0.39, 0.001, "refuted", False),
        (-0.4, 0.02, "inconclusive", False),
    ],
)
def test_rate(slope, half, verdict, exact):
    (row,) = judge(metrics(0.0), [{**BASE, **RATE, **EQUAL}], rates(slope, half))
    assert (row["verdict"], row["rate"]["exact"]) == (verdict, exact)
    assert (row["estimate"], row["n"], row["p_holm"]) == (slope, 50, None)
    assert row["rate"]["closed"] is None
    json.dumps(row, allow_nan=False)


def test_rates_do_not_count_among_the_tests_of_the_others():
    compared = {**BASE, **PAIR, "id": "d", "direction": "greater", "confidence": 0.95}
    alone = judge(metrics(0.01), [compared])[0]["p_holm"]
    rows = judge(metrics(0.01), [{**BASE, **RATE, **EQUAL}, compared], rates(-0.5, 0.1))
    assert [row["id"] for row in rows] == ["c", "d"]
    assert rows[1]["p_holm"] == alone


def test_a_rate_that_was_not_fitted_is_named():
    other = {**BASE, **EQUAL, "rate": {**RATE["rate"], "over": "p"}}
    for found in (None, rates(-0.5, 0.1)):
        with pytest.raises(ValueError, match="claim 'c': found 0 rates of"):
            judge(metrics(0.0), [other], found)
    with pytest.raises(ValueError, match=r"expected one with 0\.9 intervals"):
        judge(metrics(0.0), [{**BASE, **RATE, **EQUAL, "confidence": 0.9}], rates(-0.5, 0.1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "expected either compare or rate"),
        ({**PAIR, **RATE, "direction": "equal", "margin": 0.1}, "expected either compare or rate"),
        (RATE, "expected direction: equal and a query.target beside rate"),
        ({**PAIR, "direction": "equal"}, "expected a margin with direction: equal"),
        ({**PAIR, "margin": 0.1}, "expected a margin with direction: equal"),
    ],
)
def test_incomplete_claims_are_one_clear_line(tmp_path, change, message):
    path = tmp_path / "claims.yaml"
    path.write_text(json.dumps({"claims": [{**BASE, **change}]}))
    with pytest.raises(ValueError) as error:
        claims_file.load(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_rate_that_no_sweep_measures_is_refused_before_any_job(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(json.dumps({"claims": [{**BASE, **RATE, **EQUAL}]}))
    claims = claims_file.load(path)
    claims_file.check_known(claims, path, {"t": {"rate": ["s: clean over n"]}})
    with pytest.raises(ValueError, match="key rate: found 's: clean over n', expected one of"):
        claims_file.check_known(claims, path, {"t": {"rate": ["s: clean over p"]}})
