"""What the `made` part of a seal tells of a job: nothing vouches for it, so all read it through this.

Needs the standard library alone, so that both the pages of the report and the provenance may use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

_TEXTS = ("interpreter", "platform", "cpu", "maker", "architecture", "device", "lock_sha256")
_MOST = 1e12  # seconds, MiB: beyond lies what nobody measured


def sensible(made: Any) -> dict[str, Any]:
    """A copy of ``made`` without what makes no sense; what is there then has the type that it should.

    Texts, on one line: interpreter, platform, cpu, maker, architecture, device, lock_sha256. Numbers from 0:
    wall_seconds, compute_seconds, peak_memory_mib. Whole ones from 1: cpus, threads. started is ISO 8601 with a zone.
    packages, caps and git are tables.
    What stages add under other names is left as it is.
    """
    if not isinstance(made, dict):
        return {}
    return {key: value for key, value in made.items() if value is None or _meant(key, value)}


def senseless(made: Any) -> Iterator[str]:
    """What `sensible` leaves out: what was found and what is expected, a line each."""
    if not isinstance(made, dict):
        yield f"made: found {_shown(made)}, expected a table"
        return
    for key, value in made.items():
        if value is not None and not _meant(key, value):
            yield f"made.{key}: found {_shown(value)}, expected {_EXPECTED[key][0]}"


def _meant(key: str, value: Any) -> bool:
    return key not in _EXPECTED or _EXPECTED[key][1](value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _MOST


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**20


def _is_time(value: Any) -> bool:
    try:
        time = datetime.fromisoformat(value)
        return time.tzinfo is not None and time.timestamp() >= 0
    except (TypeError, ValueError, OverflowError):
        return False


def _is_packages(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, (*value, *value.values())))


def _is_git(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("commit")) and type(value.get("dirty")) is bool


_TEXT = ("a text on one line", _is_text)
_NUMBER = (f"a number from 0 to {_MOST:.0e}", _is_number)
_COUNT = ("a whole number from 1 to a million", _is_count)
_EXPECTED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(_TEXTS, _TEXT),
    **dict.fromkeys(("wall_seconds", "compute_seconds", "peak_memory_mib"), _NUMBER),
    **dict.fromkeys(("cpus", "threads"), _COUNT),
    "started": ("a time with its zone (ISO 8601)", _is_time),
    "packages": ("names with their versions", _is_packages),
    "caps": ("names of variables with their values", _is_packages),
    "git": ("a commit, and whether files differ from it", _is_git),
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
