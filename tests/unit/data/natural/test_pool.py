"""Threads whose results come in the order of the work, a limited number ahead."""

import threading
import time

import patience
import pytest

from advtransfer.data.natural.pool import chunks, in_order


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_results_keep_the_order_however_long_the_work_takes(workers):
    def work(i):
        time.sleep(0.002 * (i % 3 == 0))
        return i * i

    assert list(in_order(work, range(50), workers=workers, ahead=7)) == [i * i for i in range(50)]


def test_work_is_done_by_several_threads_at_once():
    meeting = threading.Barrier(3)
    assert (
        list(in_order(lambda i: meeting.wait(patience.limit(1)) >= 0, range(6), workers=3, ahead=3))
        == [True] * 6
    )


def test_no_more_is_drawn_than_asked_ahead():
    drawn = []

    def items():
        for i in range(100):
            drawn.append(i)
            yield i

    for i, _ in enumerate(in_order(lambda i: i, items(), workers=2, ahead=5)):
        assert len(drawn) <= i + 6
    assert len(drawn) == 100


def test_the_first_error_in_order_is_raised_and_what_waits_is_dropped(leaving):
    done = []

    def work(i):
        if i == 2:
            raise KeyError(i)
        if i > 2:
            leaving.wait()
        done.append(i)

    found = []
    with pytest.raises(KeyError, match="2"):
        found.extend(in_order(lambda i: work(i) or i, range(100), workers=1, ahead=50))
    assert found == [0, 1] and len(done) <= 3, "one more may have been under way"


def test_leaving_early_stops_the_work(leaving):
    done = []

    def work(i):
        if i:
            leaving.wait()
        done.append(i)

    results = in_order(work, range(1000), workers=2, ahead=100)
    next(results)
    results.close()
    assert len(done) <= 3, "one a worker may have been under way"


def test_chunks():
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []
