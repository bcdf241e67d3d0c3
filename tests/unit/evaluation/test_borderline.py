"""A claim is borderline if its verdict could be another within the tolerance of its estimates."""

import math

import numpy as np
import pandas as pd
import pytest

from advtransfer.evaluation.borderline import borderline, reachable
from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.statistics import estimate, moved
from advtransfer.evaluation.table import COLUMNS

QUERY = {"protocol": "linear", "shots": 5, "metric": "accuracy"}


def judged(lifts, *, direction="greater", margin=None, replicas=40, compare=(("a", "clean"),)):
    """The row of a claim over variants that lie so far above clean, with differences of standard error .001."""
    spread = np.tile([1.0, -1.0], replicas // 2) * 0.001 * math.sqrt(replicas - 1)
    rows = [
        (
            "s",
            "image",
            "x",
            "t",
            variant,
            r,
            "linear",
            5,
            0,
            "accuracy",
            0.5 + lift + (variant != "clean") * spread[r],
        )
        for variant, lift in {"clean": 0.0, **lifts}.items()
        for r in range(replicas)
    ]
    claim = {"id": "C", "claim": "C", "statement": "x", "study": "s", "query": QUERY, "confidence": 0.95}
    claim |= {"direction": direction, "compare": [{"variant": one, "over": other} for one, other in compare]}
    (row,) = judge(pd.DataFrame(rows, columns=COLUMNS), [claim | ({"margin": margin} if margin else {})])
    return row


def test_an_estimate_moves_with_its_interval_and_its_p_value():
    x = np.random.default_rng(0).normal(0.01, 0.02, 12)
    there, here = estimate(x + 0.005, 0.9), moved(estimate(x, 0.9), 0.005, 0.9)
    assert (here.mean, here.low, here.high, here.n) == pytest.approx(
        (there.mean, there.low, there.high, there.n)
    )
    assert here.p == pytest.approx(there.p, rel=1e-9)
    assert math.isnan(moved(estimate([0.5]), 0.1).p)


# The half-width is .00202, so a number may move by .00101: a verdict flips where the interval ends nearer to 0.
@pytest.mark.parametrize(
    ("lift", "verdicts"),
    [
        (0.0200, {"supported"}),
        (0.0031, {"supported"}),
        (0.0029, {"supported", "inconclusive"}),
        (0.0012, {"inconclusive", "supported"}),
        (0.0008, {"inconclusive"}),
        (-0.0012, {"inconclusive", "refuted"}),
        (-0.0200, {"refuted"}),
    ],
)
def test_a_verdict_that_another_processor_may_flip_is_found(lift, verdicts):
    row = judged({"a": lift})
    assert reachable(row) == verdicts
    assert borderline(row) == (len(verdicts) > 1)


def test_a_claim_of_less_is_the_mirror_of_one_of_more():
    assert reachable(judged({"a": -0.0029}, direction="less")) == {"supported", "inconclusive"}
    assert reachable(judged({"a": -0.02}, direction="less")) == {"supported"}


def test_a_claim_of_equality_hangs_at_its_margin():
    assert reachable(judged({"a": 0.0}, direction="equal", margin=0.02)) == {"supported"}
    assert reachable(judged({"a": 0.0172}, direction="equal", margin=0.02)) == {"supported", "inconclusive"}


def test_one_of_several_comparisons_that_hangs_makes_the_claim_hang():
    pairs = (("a", "clean"), ("b", "clean"))
    assert not borderline(judged({"a": 0.02, "b": 0.03}, compare=pairs))
    assert borderline(judged({"a": 0.02, "b": 0.0036}, compare=pairs)) is False
    assert borderline(judged({"a": 0.02, "b": 0.0029}, compare=pairs))


def test_a_p_value_that_the_correction_holds_up_counts_too():
    """Beside seven other tests an interval beyond 0 is not enough."""
    row = judged({"a": 0.0031})
    (difference,) = row["comparisons"]
    corrected = [difference | {"p_holm": min(1.0, 8 * difference["p_holm"])}]
    assert reachable(row | {"comparisons": corrected}) == {"supported", "inconclusive"}


def test_without_an_interval_nothing_is_known_to_hang():
    row = judged({"a": 0.001})
    single = [row["comparisons"][0] | {"ci_low": None, "ci_high": None, "p_holm": None, "n": 1}]
    assert reachable(row | {"comparisons": single}) == {row["verdict"]}


@pytest.mark.parametrize(
    ("slope", "verdicts"),
    [(-0.5, {"supported"}), (-0.42, {"supported", "inconclusive"}), (-0.3, {"refuted"})],
)
def test_a_rate_hangs_at_its_margin(slope, verdicts):
    row = {"rate": {"exponent": -0.5}, "margin": 0.1, "ci_low": slope - 0.016, "ci_high": slope + 0.016}
    assert reachable(row) == verdicts
