"""What counts as the same number, and what is told of what was written."""

from pathlib import Path

import pytest

from advtransfer.cli.published import Written, gap

NAN = float("nan")


@pytest.mark.parametrize(("old", "new"), [(0.123457, 0.1234567), (0.123456, 0.1234561), (1.0, 1.0)])
def test_rounding_to_six_digits_is_no_gap(old, new):
    assert gap("a/b", old, new) == ""


@pytest.mark.parametrize(
    ("old", "new"), [(0.123456, 0.123457), (0.5, None), (None, 0.5), (0.5, NAN), (NAN, 0.5)]
)
def test_any_other_number_is_a_gap(old, new):
    assert gap("a/b", old, new) == f"a/b: published as {old}, computed anew {new}"


def test_files_are_named_unless_the_place_says_it_all():
    file, folder = Path("a/b.json"), Path("a/b")
    apart = Written(file, {"numbers": 3, "artifacts": 2}, [file, Path("a/b.svg")])
    assert apart.text() == "a/b.json: 3 numbers, 2 artifacts; a/b.svg"
    whole = Written(folder, {"numbers": 3, "sealed_jobs": 2}, [folder / "x.json", folder / "y.svg"])
    assert whole.text() == "a/b: 3 numbers, 2 sealed jobs"
    assert whole.to_dict() == {
        "published": "a/b",
        "numbers": 3,
        "sealed_jobs": 2,
        "files": ["a/b/x.json", "a/b/y.svg"],
    }
