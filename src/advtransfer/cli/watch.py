"""Runs Snakemake and shows how far it is: one view that is drawn anew on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, Protocol

from advtransfer.cli import causes, journal
from advtransfer.cli.journal import Job, Run
from advtransfer.cli.overview import lines, overview
from advtransfer.provenance import children
from advtransfer.provenance.children import Ended
from advtransfer.provenance.masking import masked

EVERY_SECONDS = 2.0
# What Snakemake says of the profile, and of jobs that failed, which the journal tells with their logs.
_KNOWN = re.compile(
    r"^RuleException:\nCalledProcessError in file .*\nCommand '.*' returned non-zero exit status \d+\.\n"
    r"|^Exiting because a job execution failed\. Look above for error messages\n"
    r"|^WorkflowError:\nAt least one job did not complete successfully\.\n"
    r"|^Using workflow specific profile .*\n"
    r"|^\S*bash: line \d+: +\d+ \w+ .*advtransfer job .*\n",  # of one that is killed
    re.MULTILINE,
)
TRACEBACK = "Traceback (most recent call last):"
Said = tuple[str, str]  # stdout or stderr, a line


class View(Protocol):
    """Where a run is shown."""

    def say(self, stream: str, line: str) -> None:
        """A line that Snakemake printed."""

    def show(self, root: Path, run: Run) -> None:
        """How far the run is by now."""

    def close(self) -> None:
        """There is nothing more to show."""


def watched(root: Path, command: list[str]) -> int:
    """Exit code of Snakemake; told to end, it is given the time to cancel its jobs on a cluster."""
    drawable = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    view: View = Live() if drawable else Plain()
    began = time.time()
    said: queue.Queue[Said] = queue.Queue()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    ) as process:
        readers = [
            threading.Thread(target=_read, args=(name, stream, said), daemon=True)
            for name, stream in (("stdout", process.stdout), ("stderr", process.stderr))
            if stream
        ]
        for reader in readers:
            reader.start()
        try:
            _follow(root, began, process, readers, said, view)
        except Ended as ended:
            children.end(process, ended)
            raise
        finally:
            view.close()
        return process.wait()


def _read(name: str, stream: IO[str], said: queue.Queue[Said]) -> None:
    for line in stream:
        said.put((name, masked(line.rstrip("\n"))))


def _follow(
    root: Path,
    began: float,
    process: subprocess.Popen[str],
    readers: list[threading.Thread],
    said: queue.Queue[Said],
    view: View,
) -> None:
    """Until the process has ended and all that it said is told."""
    due, ended, together = 0.0, None, list[Said]()
    while ended is None or not said.empty() or _read_on(readers, ended):
        try:
            together.append(said.get(timeout=0.25))
        except queue.Empty:
            # in a traceback Snakemake is about to end, and the last line tells the cause
            if TRACEBACK not in _errors(together):
                _tell(together, view)
        if ended is None and process.poll() is not None:
            ended = time.monotonic()
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY_SECONDS
            _update(root, began, view)
    _tell(together, view)
    _update(root, began, view)


def _tell(together: list[Said], view: View) -> None:
    """Shows what Snakemake said at once; one line instead of the wall around, say, a full disk."""
    errors = _errors(together)
    told = causes.cause_in(errors) or _KNOWN.sub("", errors)
    for line in [line for stream, line in together if stream == "stdout"]:
        view.say("stdout", line)
    for line in told.splitlines():
        view.say("stderr", line)
    together.clear()


def _errors(together: list[Said]) -> str:
    return "".join(f"{line}\n" for stream, line in together if stream == "stderr")


def _read_on(readers: list[threading.Thread], ended: float) -> bool:
    """Whether there may be more to read; not for long, as jobs that outlive Snakemake hold its pipes open."""
    return any(reader.is_alive() for reader in readers) and time.monotonic() < ended + EVERY_SECONDS


def _update(root: Path, began: float, view: View) -> None:
    if run := journal.read(root, since=began):
        view.show(root, run)


class Plain:
    """A line for every job that ended; what Snakemake says where it says it."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def say(self, stream: str, line: str) -> None:
        print(line, file=sys.stdout if stream == "stdout" else sys.stderr, flush=True)

    def show(self, root: Path, run: Run) -> None:
        ended = [job for job in run.jobs.values() if job.ended and job.plan.id not in self._told]
        for job in sorted(ended, key=lambda job: job.ended or 0.0):
            self._told.add(job.plan.id)
            print(_line(job, len(self._told), len(run.jobs)), file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class Live:
    """The overview at the foot of the terminal, what Snakemake says above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as Region

        self._console = Console(stderr=True, highlight=False)
        self._region = Region(console=self._console, auto_refresh=False, transient=True)
        self._region.start()

    def say(self, stream: str, line: str) -> None:
        self._console.print(line, markup=False)

    def show(self, root: Path, run: Run) -> None:
        self._region.update(_text(overview(root, run, time.time())), refresh=True)

    def close(self) -> None:
        self._region.stop()


def _text(told: dict[str, Any]) -> Any:
    from rich.text import Text

    return Text("\n".join(lines(told)), no_wrap=True, overflow="ellipsis")


def _line(job: Job, number: int, planned: int) -> str:
    seconds = (job.ended or 0.0) - (job.started or job.ended or 0.0)
    verdict = "failed after" if job.failed else "in"
    return f"{number} of {planned}  {job.plan.rule} {job.plan.output} {verdict} {seconds:.0f} s"
