"""Tests wait by the speed of the machine, and by one clock."""

import re
import subprocess
import sys
from pathlib import Path

import patience
import pytest

TESTS = Path(__file__).parents[1]
# A limit in seconds that one machine needed: of a process, a loop, a test.
OWN = re.compile(r"timeout=[\d._]+[,)]|timeout\([\d._]+\)|\bwait\([\d._]+\)|monotonic\(\) \+ \d")


@pytest.mark.parametrize(
    ("pace", "seconds", "limit"), [(0.1, 50, 500), (1, 50, 500), (4, 50, 2000), (4, 1, 480)]
)
def test_a_limit_is_many_times_the_need_and_grows_on_a_slow_or_busy_machine(
    monkeypatch, pace, seconds, limit
):
    monkeypatch.setattr(patience, "pace", lambda: pace)
    assert patience.limit(seconds) == limit


def test_what_was_waited_for_is_given_back():
    found = iter([None, 0, "", "this"])
    assert patience.until(lambda: next(found), 1, every=0) == "this"


def test_waiting_for_a_process_that_has_ended_fails_with_its_words():
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process:
        with pytest.raises(AssertionError, match="ended first, with exit code 3 its words"):
            patience.until(lambda: False, 1, process, lambda: "its words")
        assert patience.until(lambda: "in time", 1, process)


def test_waiting_longer_than_the_limit_fails(monkeypatch):
    monkeypatch.setattr(patience, "limit", lambda seconds: 0)
    with pytest.raises(AssertionError, match="never held"):
        patience.until(lambda: False, 1)


def test_no_test_has_a_limit_of_its_own():
    found = [
        f"{path.relative_to(TESTS)}: {line.strip()}"
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if OWN.search(line)
    ]
    assert found == []
