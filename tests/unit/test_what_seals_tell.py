"""What seals tell of their jobs: what makes sense is kept, what does not is named."""

import math

import pytest

from advtransfer.circumstances import senseless, sensible

MADE = {
    "interpreter": "CPython 3.11.7",
    "platform": "Linux",
    "cpu": "A processor",
    "cpus": 2,
    "threads": 1,
    "packages": {"torch": "2.15.0+cpu"},
    "lock_sha256": "0" * 64,
    "git": {"commit": "a" * 40, "dirty": False},
    "started": "2026-01-02T03:04:05.678+00:00",
    "compute_seconds": 1.25,
    "wall_seconds": 2,
    "peak_memory_mib": 300,
    "device": "cuda:0",
    "counts": {"images": 3},
}


def test_what_a_job_tells_is_kept_whole():
    assert sensible(MADE) == MADE and list(senseless(MADE)) == []


def test_what_is_not_known_makes_sense():
    made = {**dict.fromkeys(MADE), "git": None}
    assert sensible(made) == made and list(senseless(made)) == []
    assert sensible({}) == {} and list(senseless({})) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("started", "garbage"),
        ("started", "2026-01-02T03:04:05"),
        ("started", "0001-01-01T00:00:00+23:00"),
        ("started", 7),
        ("started", ["2026-01-02T03:04:05+00:00"]),
        ("git", "x"),
        ("git", {"commit": 5, "dirty": False}),
        ("git", {"commit": "a" * 40}),
        ("git", []),
        ("packages", ["torch"]),
        ("packages", {"torch": None}),
        ("wall_seconds", "long"),
        ("wall_seconds", math.nan),
        ("wall_seconds", math.inf),
        ("wall_seconds", -1),
        ("wall_seconds", 10**400),
        ("wall_seconds", True),
        ("threads", 0),
        ("threads", "2"),
        ("threads", 10**30),
        ("cpu", "two\nlines"),
        ("cpu", "\x1b[31mred"),
        ("device", {}),
        ("lock_sha256", 5),
    ],
)
def test_what_makes_no_sense_is_left_out_and_named(key, value):
    made = MADE | {key: value}
    assert sensible(made) == {name: told for name, told in MADE.items() if name != key}
    (line,) = senseless(made)
    assert line.startswith(f"made.{key}: found ") and ", expected " in line and "\n" not in line
    assert len(line) < 200


def test_what_is_no_table_tells_nothing():
    for made in ("x", 5, None, [["started", "now"]]):
        assert sensible(made) == {}
        assert list(senseless(made)) == [f"made: found {made!r}, expected a table"]
