"""The order of an epoch: everything once, by windows of row groups, and from any image on."""

from itertools import islice

import numpy as np
import pytest

from advtransfer.data.natural.orders import Layout, endless, ordered_windows, shuffled_windows
from advtransfer.seeding import stream

LAYOUT = Layout.of([10] * 9 + [4])
ROWS = np.arange(94)


def epoch(number, rows=ROWS, buffer_images=30):
    return shuffled_windows(LAYOUT, rows, stream(0, "order", number), buffer_images)


def test_rows_are_divided_by_their_row_group():
    parts = Layout.of([3, 0, 2]).by_group(np.array([0, 2, 3, 4]))
    assert {group: rows.tolist() for group, rows in parts.items()} == {0: [0, 2], 2: [3, 4]}


@pytest.mark.parametrize("buffer_images", [None, 1, 10, 11, 30, 1000])
def test_an_epoch_visits_every_row_once(buffer_images):
    for rows in (ROWS, ROWS[::3], np.array([93]), np.array([5, 80, 6])):
        windows = epoch(0, rows, buffer_images)
        assert sorted(np.concatenate(windows).tolist()) == sorted(rows.tolist())


def test_a_window_takes_row_groups_until_it_is_full():
    windows = epoch(0, buffer_images=30)
    assert all(len(window) >= 30 for window in windows[:-1]) and len(windows) in (3, 4)
    for window in windows:
        groups = LAYOUT.by_group(np.sort(window))
        assert sum(LAYOUT.starts[g + 1] - LAYOUT.starts[g] for g in groups) == len(window)  # whole row groups
    assert len(epoch(0, buffer_images=None)) == 1
    assert len(epoch(0, ROWS[::10], 3)) == 4  # counts the images that are asked for, not those in the way


def test_row_groups_and_images_are_in_random_order():
    firsts = [[window[0] // 10 for window in epoch(e, buffer_images=1)] for e in range(3)]
    assert len({tuple(f) for f in firsts}) == 3
    assert all(epoch(0)[0].tolist() != sorted(epoch(0)[0]) for _ in range(3))
    assert not np.array_equal(np.concatenate(epoch(0)), np.concatenate(epoch(1)))
    assert np.array_equal(np.concatenate(epoch(3)), np.concatenate(epoch(3)))


def test_the_order_in_which_rows_are_given_does_not_matter():
    for buffer_images in (None, 20):
        one = np.concatenate(epoch(0, ROWS, buffer_images))
        assert np.array_equal(one, np.concatenate(epoch(0, ROWS[::-1].copy(), buffer_images)))


def test_every_place_is_as_likely_for_every_image():
    """Mean position of an image over many epochs, in standard errors of a uniform position."""
    equal = Layout.of([10] * 9)
    orders = [shuffled_windows(equal, np.arange(90), stream(0, "order", e), 30) for e in range(2000)]
    places = np.stack([np.argsort(np.concatenate(windows)) for windows in orders])
    z = (places.mean(axis=0) - 44.5) / (np.sqrt((90**2 - 1) / 12) / np.sqrt(2000))
    assert np.abs(z).max() < 4.5


def test_ordered_windows_keep_the_given_order():
    rows = np.array([5, 3, 3, 90, 1])
    assert [w.tolist() for w in ordered_windows(rows, 2)] == [[5, 3], [3, 90], [1]]
    assert [w.tolist() for w in ordered_windows(rows, None)] == [rows.tolist()]
    assert list(ordered_windows(rows[:0], None)) == list(ordered_windows(rows[:0], 3)) == []


@pytest.mark.parametrize("start", [0, 1, 29, 30, 31, 93, 94, 95, 200, 94 * 7 + 50])
def test_it_goes_on_from_any_image(start):
    everything = np.concatenate(list(islice(endless(epoch, 94, 0), 60)))
    resumed = np.concatenate(list(islice(endless(epoch, 94, start), 5)))
    np.testing.assert_array_equal(resumed, everything[start : start + len(resumed)])


def test_epochs_before_the_start_are_not_drawn():
    drawn = []
    next(endless(lambda e: drawn.append(e) or epoch(e), 94, 94 * 3 + 1))
    assert drawn == [3]
