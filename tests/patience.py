"""How long tests wait. A limit ends what hangs; it judges neither how fast a machine is nor how busy.

Limits are told in seconds that an idle machine needs (two cores of an AMD EPYC). They are ten times that, two
minutes at least, and longer still by as much as this machine is slower or busier at the moment.
"""

import os
import time
from functools import lru_cache

TIMES, LEAST = 10, 120.0
_SECONDS_THERE = 0.011  # of `_work`
_KEPT_SECONDS = 5.0


def limit(seconds):
    """Seconds after which something counts as hung that takes so many there."""
    return max(LEAST, TIMES * seconds) * max(1.0, pace())


def until(condition, seconds, process=None, told=lambda: "", every=0.01):
    """What a condition gives once that is true; a process that it waits for must not end first.

    Fails after the limit, as it is by then, with what ``told`` says.
    """
    began = time.monotonic()
    while True:
        ended = (
            process is not None and process.poll() is not None
        )  # before the condition, which its end may fulfil
        if found := condition():
            return found
        assert not ended, f"the process ended first, with exit code {process.returncode} {told()}"
        assert time.monotonic() - began < limit(seconds), f"the condition never held {told()}"
        time.sleep(every)


def pace():
    """How many times as long as there things take here at the moment: below 1 on a faster machine."""
    return _pace_of(time.monotonic() // _KEPT_SECONDS)


@lru_cache(maxsize=1)
def _pace_of(period):
    """Processor time of a piece of work, times how many processes share a core; measured once a period."""
    wall, processor = time.perf_counter(), time.thread_time()
    _work()
    wall, processor = time.perf_counter() - wall, time.thread_time() - processor
    shared = (os.getloadavg()[0] + 1) / len(os.sched_getaffinity(0))
    return processor / _SECONDS_THERE * max(1.0, shared, wall / processor)


def _work():
    total = 0
    for number in range(200_000):
        total += number * number % 7
    return total
