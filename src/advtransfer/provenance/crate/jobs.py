"""What the `made` part of a seal tells of a job: nothing vouches for it, and older seals tell less."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from advtransfer.circumstances import sensible
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
    made = sensible(made)
    git = made.get("git") or {}
    started = datetime.fromisoformat(made["started"]).astimezone(UTC) if made.get("started") else None
    commit = git.get("commit", "")
    return Told(
        started=started,
        ended=_later(started, made.get("wall_seconds")),
        commit=commit if _COMMIT.fullmatch(commit) else None,
        dirty=git.get("dirty", False),
        lock_sha256=made.get("lock_sha256"),
        interpreter=made.get("interpreter"),
        packages=tuple(sorted((made.get("packages") or {}).items())),
        machine=_machine(made),
    )


def stamp(time: datetime | None) -> str | None:
    """ISO 8601 to the millisecond with the zone as +00:00, which is the form that the profile's checks know."""
    return time.isoformat(timespec="milliseconds") if time else None


def _later(time: datetime | None, seconds: float | None) -> datetime | None:
    with contextlib.suppress(OverflowError):
        return time + timedelta(seconds=seconds) if time and seconds is not None else None
    return None


def _machine(made: Mapping[str, Any]) -> str:
    parts = [
        made.get("cpu"),
        f"device {made['device']}" if made.get("device") else None,
        f"threads {made['threads']}" if made.get("threads") else None,
        made.get("platform"),
    ]
    return ", ".join(part for part in parts if part)
