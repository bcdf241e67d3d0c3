"""A run is told in one line how it relates to the published numbers and bytes."""

import pytest

from advtransfer.evaluation.published import compare, flatten, make

SUMMARY = {
    "digits": {
        "contrast": {"clean": {"linear": {"accuracy": {"1": 0.39, "5": 0.5912}}}},
        "claims": {"C1": {"estimate": 0.042, "verdict": "supported"}},
    }
}
SHA = {"results/digits/metrics.parquet": "aa"}
KEY = "digits/contrast/clean/linear/accuracy/5"


@pytest.fixture
def published():
    return make(SUMMARY, {"digits": "results/digits/metrics.parquet"}, SHA)


def changed(value):
    linear = {"accuracy": {"1": 0.39, "5": value}}
    return {"digits": {**SUMMARY["digits"], "contrast": {"clean": {"linear": linear}}}}


def test_flatten_holds_numbers_only():
    assert flatten(SUMMARY) == {
        "digits/contrast/clean/linear/accuracy/1": 0.39,
        KEY: 0.5912,
        "digits/claims/C1/estimate": 0.042,
    }


def test_same(published):
    assert compare(published, SUMMARY, SHA) == "same bytes as published"
    assert compare(published, SUMMARY) == "same numbers as published (to 6 digits)"


def test_other_bytes_same_numbers(published):
    line = compare(published, SUMMARY, {"results/digits/metrics.parquet": "bb"})
    assert line.startswith(
        "differs from the published bytes in 1 of 1 files (first: results/digits/metrics.parquet)"
    )


def test_largest_difference(published):
    line = compare(published, changed(0.5924), SHA)
    assert line == (
        f"differs from the published numbers: largest difference 0.0012 at {KEY} (0.5912 -> 0.5924)"
    )


def test_a_tiny_difference_is_not_shown_as_none(published):
    assert "0.000001" in compare(published, changed(0.591201))


def test_missing_and_new_numbers(published):
    line = compare(published, {"digits": {**SUMMARY["digits"], "claims": {"C9": {"estimate": 1.0}}}})
    assert "1 published numbers are not in this run (first: digits/claims/C1/estimate)" in line
    assert "1 numbers of this run are not published (first: digits/claims/C9/estimate)" in line
    assert "\n" not in line


def test_every_number_needs_an_artifact_and_every_artifact_a_hash():
    with pytest.raises(ValueError, match="no artifact given for this number"):
        make(SUMMARY, {"digit": "results/digits/metrics.parquet"}, SHA)
    with pytest.raises(ValueError, match="no hash given"):
        make(SUMMARY, {"digits": "other.parquet"}, SHA)
