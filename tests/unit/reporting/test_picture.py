"""A picture holds the numbers that it shows, and can be judged by them whatever Matplotlib drew it."""

import math

import pandas as pd
import pytest

from advtransfer.cli.pictured import NEAR, NUMBERS, SAME, holds_numbers, likeness
from advtransfer.reporting import picture

SHOTS = (0, 1, 5)


@pytest.fixture(scope="module")
def shown():
    """Two targets, one with a name that XML and file names would choke on; three shots, 0 for all images."""
    rows = [
        {
            "target": target,
            "variant": variant,
            "shots": shots,
            "mean": mean,
            "low": mean - 0.02,
            "high": mean + 0.02,
        }
        for t, target in enumerate(("dark", '<"a/b">'))
        for v, variant in enumerate(("clean", "my-own"))
        for shots, mean in zip(SHOTS, (0.9 - t / 10, 0.41234567 + v / 20, 0.6 + v / 30), strict=True)
    ]
    return picture.numbers(pd.DataFrame(rows).assign(study="s", p=0.5))


@pytest.fixture(scope="module")
def drawn(shown):
    return picture.draw(shown)


def moved(shown, by, row=4):
    changed = shown.copy()
    changed.loc[row, "mean"] += by
    return changed


def relaid(drawn):
    """The same picture as another Matplotlib might lay it out: other bytes, the lines elsewhere, at another size."""

    def point(match):
        return f"{match['op']} {1.1 * float(match['x']) + 7:.4f} {0.9 * float(match['y']) - 3:.4f}"

    pattern = picture.re.compile(r"(?P<op>[ML]) (?P<x>-?[\d.]+) (?P<y>-?[\d.]+)")
    return pattern.sub(point, drawn)


def test_a_picture_holds_its_numbers_to_the_digits_that_are_published(shown, drawn):
    assert picture.read(drawn).equals(shown)
    assert 0.412346 in set(shown["mean"])
    assert picture.draw(picture.read(drawn)) == drawn, "equal numbers give equal bytes"


@pytest.mark.parametrize("text", ["", "<svg/>", "<dc:description>[1]</dc:description>", "<dc:description>{}"])
def test_a_picture_without_numbers_holds_none(text):
    assert picture.read(text) is None and not holds_numbers(text)


def test_lines_follow_their_numbers_in_any_layout(shown, drawn):
    assert picture.follows(drawn, shown)
    assert picture.follows(relaid(drawn), shown)


def test_a_line_that_was_moved_by_a_hair_is_found(shown, drawn):
    assert not picture.follows(relaid(drawn), moved(shown, 0.002))
    other = picture.draw(moved(shown, 0.002))
    assert not picture.follows(other, shown)


def test_a_line_that_is_gone_or_too_many_is_found(shown, drawn):
    assert not picture.follows(drawn, shown[shown["variant"] == "clean"])
    assert not picture.follows(drawn.replace('id="line/', 'id="lime/', 1), shown)


def test_likeness_is_by_bytes_first(shown, drawn):
    assert likeness(drawn, shown, same_drawer=True) == SAME
    assert likeness(None, None, same_drawer=True) == SAME
    assert likeness(None, shown, same_drawer=False) is None


def test_a_picture_of_another_layout_is_judged_by_its_numbers_where_another_matplotlib_drew_it(shown, drawn):
    assert likeness(relaid(drawn), shown, same_drawer=False) == NUMBERS
    assert likeness(relaid(drawn), shown, same_drawer=True) is None, "here it would have been drawn otherwise"


@pytest.mark.parametrize(("by", "like"), [(0.009, NEAR), (0.011, None)])
def test_numbers_may_be_within_half_of_their_half_width(shown, by, like):
    there = picture.draw(moved(shown, by))
    assert likeness(there, shown, same_drawer=True) == like


def test_numbers_in_the_metadata_that_the_lines_do_not_show_are_found(shown, drawn):
    lying = drawn.replace("0.412346", "0.413346")
    assert lying != drawn
    assert likeness(lying, shown, same_drawer=True) is None
    assert likeness(lying, shown, same_drawer=False) is None


def test_other_lines_under_the_true_numbers_are_found(shown):
    lying = picture.draw(moved(shown, 0.2)).replace("0.612346", "0.412346").replace("0.662346", "0.462346")
    for same in (True, False):
        assert likeness(lying, shown, same_drawer=same) is None


def test_a_single_replica_has_no_interval_and_can_be_drawn(shown):
    single = shown.assign(low=math.nan, high=math.nan)
    drawn = picture.draw(single)
    assert picture.read(drawn).equals(single) and picture.follows(drawn, single)
