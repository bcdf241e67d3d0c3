"""The journal of a run, one JSON value a line: what was planned, and what became of each job.

The workflow writes the plan when jobs begin (``onstart``); our plugin of Snakemake's logger appends what happens to
them. Whoever shows a run reads it from here, be it the process that started it or one in another terminal.
"""

from __future__ import annotations

import io
import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from advtransfer.provenance.files import atomic_write
from advtransfer.regular_files import open_regular, parse_json, why_unreadable

JOURNAL = Path(".snakemake/run.jsonl")
STARTED, FINISHED, FAILED, END = "started", "finished", "failed", "end"


@dataclass(frozen=True)
class Planned:
    """A job that a run has to do.

    id: Snakemake's number. phase: of the workflow. output: the first of its outputs. reason: why it is stale; empty
    if it runs only because what it is made from does. seconds: what it took the last time, None if that is not known.
    """

    id: int
    rule: str
    phase: str
    output: str
    log: str
    reason: str
    seconds: float | None


@dataclass
class Job:
    """A planned job and what became of it; times are seconds since the epoch."""

    plan: Planned
    started: float | None = None
    ended: float | None = None
    failed: bool = False
    message: str = ""

    @property
    def running(self) -> bool:
        return self.started is not None and self.ended is None


@dataclass
class Run:
    """What the journal says: of which process on which host, and of how many jobs that were fresh (``reused``)."""

    pid: int
    host: str
    began: float
    reused: int
    jobs: dict[int, Job] = field(default_factory=dict)
    ended: float | None = None


def begin(root: Path, jobs: Sequence[Planned], reused: int) -> None:
    """Starts the journal of this process's run; that of the run before is gone."""
    head = {"pid": os.getpid(), "host": socket.gethostname(), "time": time.time(), "reused": reused}
    text = json.dumps(head | {"jobs": [asdict(job) for job in jobs]})
    atomic_write(root / JOURNAL, text + "\n")


class Writer:
    """Appends to the journal of this process; does nothing before it is begun."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    def append(self, event: str, jobs: Sequence[int] = (), message: str = "") -> None:
        """One event of some jobs. Raises OSError if it cannot be written."""
        self._file = self._file or _own(Path.cwd())
        if self._file:
            line = {"time": time.time(), "event": event, "jobs": list(jobs), "message": message}
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        if self._file:
            self._file.close()


def _own(root: Path) -> TextIO | None:
    """The journal, where this process has begun it."""
    head = _lines(root, first=True)
    if not head or (head[0].get("pid"), head[0].get("host")) != (os.getpid(), socket.gethostname()):
        return None
    return (root / JOURNAL).open("a", buffering=1, encoding="utf-8")


def read(root: Path, since: float = 0.0) -> Run | None:
    """The run of the journal as it stands; None without one, or if it began before ``since`` (seconds since the epoch).

    A line that is being written does not count yet, and one that holds no event (a full disk, a killed writer, an
    editor) never.
    """
    head, *events = _lines(root) or [{}]
    try:
        run = Run(head["pid"], str(head["host"]), float(head["time"]), int(head["reused"]))
        run.jobs = {job["id"]: Job(Planned(**job)) for job in head["jobs"]}
    except (KeyError, TypeError, ValueError):
        return None
    if run.began < since:
        return None
    for event in events:
        if _is_event(event):
            _apply(run, event)
    return run


def why_closed(root: Path) -> str:
    """Why a journal that lies there cannot be read, in one line; nothing where there is none, or it can."""
    try:
        open_regular(root / JOURNAL).close()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"{JOURNAL}: {why_unreadable(error)}; remove it, and the next run writes it anew"
    return ""


def _is_event(line: dict[str, Any]) -> bool:
    numbers = line.get("jobs")
    return (
        isinstance(line.get("time"), int | float)
        and isinstance(line.get("event"), str)
        and isinstance(line.get("message"), str)
        and isinstance(numbers, list)
        and all(isinstance(number, int | str) for number in numbers)
    )


def _lines(root: Path, *, first: bool = False) -> list[dict[str, Any]]:
    try:
        with io.BufferedReader(open_regular(root / JOURNAL)) as file:
            text = file.readline() if first else file.read()
    except OSError:
        return []
    whole, _, _ = text.decode(errors="replace").rpartition("\n")
    return [value for line in whole.splitlines() if isinstance(value := _parsed(line), dict)]


def _parsed(line: str) -> Any:
    try:
        return parse_json(line)
    except ValueError:
        return None


def _apply(run: Run, event: dict[str, Any]) -> None:
    if event["event"] == END:
        run.ended = event["time"]
    for number in event["jobs"]:
        if job := run.jobs.get(number):  # not `all`, which is no job of ours
            if event["event"] == STARTED:  # once more, where a failed one is tried again
                job.started, job.ended, job.failed, job.message = event["time"], None, False, ""
            else:
                job.ended, job.failed = event["time"], event["event"] == FAILED
                job.message = event["message"]
