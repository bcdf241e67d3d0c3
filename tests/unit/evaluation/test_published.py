"""Published results beside those computed anew: identical, moved within tolerance, or beyond it."""

import math

import pandas as pd
import pytest

from advtransfer.evaluation.published import Results, compare, flatten, same
from advtransfer.evaluation.results import results
from advtransfer.evaluation.tolerance import Tolerances

SUMMARY = {
    "digits": {
        "contrast": {"clean": {"linear": {"accuracy": {"1": 0.39, "5": 0.5912}}}},
        "claims": {"C1": {"estimate": 0.042, "verdict": "supported"}},
    }
}
KEY, CLAIM = "digits/contrast/clean/linear/accuracy/5", "digits/claims/C1"
FIELDS = {
    "estimate": 0.042,
    "ci_low": 0.03,
    "ci_high": 0.054,
    "p_holm": 0.001,
    "n": 40,
    "verdict": "supported",
}


def published(numbers=None, **fields):
    found = flatten(SUMMARY) | (numbers or {})
    claim = FIELDS | fields
    return Results(
        found | {f"{CLAIM}/estimate": claim["estimate"]},
        {CLAIM: claim},
        {KEY: 0.002, CLAIM: 0.006, f"{CLAIM}/estimate": 0.006},
        {CLAIM: 0.05},
    )


def beyond(old, new):
    return [*compare(old, new).beyond]


def test_flatten_holds_numbers_only():
    assert flatten(SUMMARY) == {
        "digits/contrast/clean/linear/accuracy/1": 0.39,
        KEY: 0.5912,
        f"{CLAIM}/estimate": 0.042,
    }


def test_what_can_be_asked_for_are_numbers_and_the_fields_of_claims():
    assert published().values().keys() - published().numbers.keys() == {
        f"{CLAIM}/{name}" for name in ("ci_low", "ci_high", "p_holm", "n", "verdict")
    }


def test_the_same_results_are_identical():
    found = compare(published(), published({KEY: 0.5912003}))
    assert (found.identical, found.moved, found.beyond) == (3, {}, {})


@pytest.mark.parametrize(("value", "where"), [(0.5924, "moved"), (0.5890, "beyond"), (math.nan, "beyond")])
def test_a_number_may_move_by_its_own_tolerance(value, where):
    found = compare(published(), published({KEY: value}))
    assert [*getattr(found, where)] == [KEY] and found.identical == 2


def test_a_number_without_a_tolerance_must_be_the_same():
    key = "digits/contrast/clean/linear/accuracy/1"
    assert beyond(published(), published({key: 0.390002})) == [key]


def test_missing_and_new_numbers_are_never_within_tolerance():
    assert beyond(published(), published({"digits/new": 1.0})) == ["digits/new"]
    gone = compare(published({"digits/old": 1.0}), published())
    assert gone.beyond["digits/old"].text() == "digits/old: published as 1.0, computed by no job now"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"ci_low": 0.035}, "moved"),
        ({"ci_low": 0.037}, "beyond"),
        ({"ci_high": 0.047}, "beyond"),
        ({"p_holm": 0.04}, "moved"),
        ({"p_holm": 0.06}, "beyond"),
        ({"p_holm": None}, "beyond"),
        ({"n": 39}, "beyond"),
        ({"verdict": "inconclusive"}, "beyond"),
    ],
)
def test_each_field_of_a_claim_has_its_own_measure(change, where):
    (name,) = change
    found = compare(published(**change), published())
    assert [*getattr(found, where)] == [f"{CLAIM}/{name}"]
    assert found.identical == 3, "fields of claims are not counted as numbers"


def test_a_claim_that_was_taken_out_of_the_file_is_missed():
    old = Results(published().numbers, {"digits/claims/C2": FIELDS})
    assert f"{CLAIM}/verdict" in beyond(old, published())


def test_of_an_older_releases_file_the_numbers_alone_are_compared():
    found = compare(Results(flatten(SUMMARY), {}), published())
    assert (found.identical, found.moved, found.beyond) == (3, {}, {})


def test_the_number_nearest_to_its_tolerance_is_known():
    new = published({KEY: 0.5922}, estimate=0.0479)
    assert compare(published(), new).largest.key == f"{CLAIM}/estimate"
    assert compare(published(), published()).largest is None


SAME = [(1.0, 1.0000003), (None, None), ("a", "a")]
OTHER = [(1.0, 1.000001), ("a", 1.0), (0.1, math.nan), (0.1, None)]


@pytest.mark.parametrize(
    ("old", "new", "are"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in OTHER]
)
def test_same_means_to_six_digits(old, new, are):
    assert same(old, new) is are


def test_tolerances_are_half_of_the_half_width_of_each_numbers_own_interval():
    row = {
        "study": "s",
        "target": "t",
        "variant": "v",
        "protocol": "linear",
        "metric": "accuracy",
        "mean": 0.5,
    }
    estimates = pd.DataFrame(
        [
            row | {"shots": 1, "low": 0.4, "high": 0.6},
            row | {"shots": 2, "low": 0.48, "high": 0.52},
            row | {"shots": 5, "low": math.nan, "high": math.nan},
        ]
    )
    claim = {"id": "C", "study": "s", "query": {"metric": "accuracy"}, "confidence": 0.9, **FIELDS}
    found = results(estimates, [claim], Tolerances(metrics={"accuracy": 0.003}, other=1.0))
    stem = "s/t/v/linear/accuracy"
    means = {f"{stem}/1": 0.05, f"{stem}/2": 0.01, f"{stem}/5": 0.003}
    allowed = means | {"s/claims/C": 0.006, "s/claims/C/estimate": 0.006}
    assert {key: round(value, 9) for key, value in found.allowed.items()} == allowed
    assert found.claims == {"s/claims/C": FIELDS} and found.levels["s/claims/C"] == pytest.approx(0.1)
