"""What the `made` part of a seal tells of a job: nothing vouches for it, and older seals tell less."""

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from advtransfer.provenance.seal import Seal
from advtransfer.provenance.spec import Spec

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHORT = 12


@dataclass(frozen=True)
class Told:
    """The circumstances of a job; None (or empty) for what is missing or makes no sense. Times are in UTC."""

    started: datetime | None
    ended: datetime | None
    commit: str | None
    dirty: bool
    lock_sha256: str | None
    interpreter: str | None
    packages: tuple[tuple[str, str], ...]
    machine: str

    def where(self) -> str:
        """Commit and machine in one line of text, as far as they are known."""
        commit = f"commit {self.commit[:_SHORT]}{' with edits' if self.dirty else ''}" if self.commit else ""
        return ", ".join(filter(None, [commit, self.machine]))


@dataclass(frozen=True)
class Job:
    """A seal, and what its `made` tells."""

    seal: Seal
    told: Told

    @property
    def spec(self) -> Spec:
        """What the job was."""
        return self.seal.spec

    @classmethod
    def of(cls, seal: Seal) -> "Job":
        """The job that a seal is of."""
        return cls(seal, told(seal.made))


def told(made: Mapping[str, Any]) -> Told:
    """The circumstances in a seal's `made`."""
    git = made.get("git")
    git = git if isinstance(git, dict) else {}
    started = _time(made.get("started"))
    commit = _text(git.get("commit")) or ""
    return Told(
        started=started,
        ended=_later(started, _number(made.get("wall_seconds"))),
        commit=commit if _COMMIT.fullmatch(commit) else None,
        dirty=bool(git.get("dirty")),
        lock_sha256=_text(made.get("lock_sha256")),
        interpreter=_text(made.get("interpreter")),
        packages=_packages(made.get("packages")),
        machine=_machine(made),
    )


def stamp(time: datetime | None) -> str | None:
    """ISO 8601 to the millisecond with the zone as +00:00, which is the form that the profile's checks know."""
    return time.isoformat(timespec="milliseconds") if time else None


def _time(value: Any) -> datetime | None:
    with contextlib.suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(_text(value) or "")
        return time.astimezone(UTC) if time.tzinfo else None
    return None


def _later(time: datetime | None, seconds: float | None) -> datetime | None:
    with contextlib.suppress(OverflowError):
        return time + timedelta(seconds=seconds) if time and seconds is not None else None
    return None


def _number(value: Any) -> float | None:
    """A plain finite number from 0."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    return value if usable else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _packages(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = value.items() if isinstance(value, dict) else ()
    return tuple(sorted((name, version) for name, version in pairs if name and _text(version)))


def _machine(made: Mapping[str, Any]) -> str:
    device, threads = _text(made.get("device")), _number(made.get("threads"))
    parts = [
        _text(made.get("cpu")),
        f"device {device}" if device else None,
        f"threads {threads:.0f}" if threads is not None else None,
        _text(made.get("platform")),
    ]
    return ", ".join(part for part in parts if part)
