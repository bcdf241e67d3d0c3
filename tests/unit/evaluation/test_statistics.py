"""Intervals and p values against scipy.stats, Holm's correction, pairing by replica."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from advtransfer.evaluation.statistics import Estimate, estimate, holm, means, paired_differences
from advtransfer.evaluation.table import COLUMNS


def rows(values, variant="clean", **other):
    """One row per replica and draw; ``values`` has shape [replicas, draws]."""
    base = {"study": "s", "kind": "image", "source": "a", "target": "t", "protocol": "linear", "shots": 5}
    fixed = {**base, "metric": "accuracy", "variant": variant, **other}
    cells = [(r, d, v) for r, line in enumerate(values) for d, v in enumerate(line)]
    return pd.DataFrame([{**fixed, "replica": r, "draw": d, "value": v} for r, d, v in cells])[COLUMNS]


@pytest.mark.parametrize("n", [2, 3, 8, 40])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_estimate_agrees_with_scipy(n, confidence):
    x = np.random.default_rng(n).normal(0.05, 0.1, n)
    found = estimate(x, confidence)
    test = stats.ttest_1samp(x, 0.0)
    interval = test.confidence_interval(confidence)
    assert found.n == n
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-12)
    assert found.p == pytest.approx(test.pvalue, rel=1e-10)


def test_estimate_does_not_depend_on_the_order():
    x = np.random.default_rng(0).normal(0.6, 1e-3, 40)
    assert estimate(x) == estimate(x[::-1])


def test_without_spread_there_is_nothing_to_measure():
    for values in ([], [0.5]):
        found = estimate(values)
        assert found.n == len(values)
        assert math.isnan(found.low) and math.isnan(found.p)
    assert estimate([0.0, 0.0]).p == 1.0
    assert estimate([0.5, 0.5]) == Estimate(0.5, 0.5, 0.5, 0.0, 2)


def test_a_nan_is_not_hidden():
    found = estimate([0.1, math.nan, 0.2])
    assert math.isnan(found.mean) and math.isnan(found.p)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_counts_a_test_without_result():
    adjusted = holm([0.01, math.nan])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])


def test_holm_keeps_the_family_wise_error():
    p = np.random.default_rng(1).uniform(size=(2000, 8))
    wrong = np.mean([min(holm(list(line))) < 0.05 for line in p])
    assert wrong < 0.065


def test_draws_are_averaged_before_they_are_counted():
    found = means(rows([[0.4, 0.6], [0.6, 0.8]]))
    assert len(found) == 1
    assert found.loc[0, "mean"] == pytest.approx(0.6)
    assert found.loc[0, "n"] == 2


def test_differences_are_paired_by_replica():
    level = np.random.default_rng(2).normal(0.5, 0.1, (12, 1))
    table = pd.concat([rows(level), rows(level + 0.01, "adversarial")])
    found = paired_differences(table.sample(frac=1, random_state=0), "clean").iloc[0]
    assert found["variant"] == "adversarial"
    assert found["mean"] == pytest.approx(0.01)
    assert found["high"] - found["low"] < 1e-10


def test_a_replica_without_partner_is_left_out():
    table = pd.concat([rows([[0.5]] * 3), rows([[0.6], [0.7], [0.5], [0.1]], "adversarial")])
    found = paired_differences(table, "clean").iloc[0]
    assert found["n"] == 3
    assert found["mean"] == pytest.approx(0.1)


def test_settings_are_kept_apart():
    table = pd.concat([rows([[0.5], [0.6]], shots=k, target=t) for k in (1, 5) for t in ("a", "b")])
    assert len(means(table)) == 4


def test_scipy_stats_is_not_imported():
    code = (
        "import sys; from advtransfer.evaluation.statistics import estimate; estimate([.1, .2, .4]);"
        "sys.exit('scipy.stats' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
