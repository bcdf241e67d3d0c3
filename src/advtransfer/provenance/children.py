"""Programs that a command starts, and how all of them end when the command is told to end.

``kill PID`` tells one process: Snakemake, which it started, would go on, and so would the jobs below. A terminal's
Ctrl-C tells them all at once. In both cases the command waits until nothing that it started is left at work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# From being asked to being killed: a job removes its drafts, torchrun ends its processes.
GRACE_SECONDS = 15.0
# What a terminal's Ctrl-C has reached too must not hear of it twice: a second one breaks off the cancelling of jobs.
_UNTOLD_SECONDS = 3.0
_STEP_SECONDS = 0.2
_TOLD_AGAIN = threading.Event()


class Ended(BaseException):
    """The command was told to end, by the signal ``number``; no Exception, so that nothing takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Inside, the first TERM, INT or HUP raises Ended; one that was ignored before (nohup) stays so.

    A second one has what is still at work killed.
    """
    _TOLD_AGAIN.clear()
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _raise) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    for each in ENDING:
        if signal.getsignal(each) is _raise:
            signal.signal(each, _hurry)
    raise Ended(number)


def _hurry(number: int, frame: FrameType | None) -> None:
    _TOLD_AGAIN.set()


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What a program prints and its exit code; it ends with the command."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            out, err = process.communicate()
        except Ended as ended:
            end(process, ended, lambda: process.communicate(timeout=_STEP_SECONDS))
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def end(process: subprocess.Popen[str], ended: Ended, wait: Callable[[], object] | None = None) -> None:
    """Ends a program and all that it started: asks each in the way that it understands, waits, then kills.

    ``wait`` waits a moment and reads the program's pipes, without which somebody else must.
    """
    wait = wait or (lambda: process.wait(_STEP_SECONDS))
    import psutil

    try:
        tree = _Tree(psutil.Process(process.pid), ended)
    except psutil.NoSuchProcess:
        return
    while process.poll() is None:
        tree.ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            wait()
    tree.kill_survivors()


class _Tree:
    """A program, and what it started as far as it was seen."""

    def __init__(self, top: psutil.Process, ended: Ended) -> None:
        self._top = top
        self._began = time.monotonic()
        self._asked: dict[psutil.Process, float] = {}
        self._seen: set[psutil.Process] = set()
        at_terminal = ended.number == signal.SIGINT and _in_foreground()
        self._heard = time.monotonic() + _UNTOLD_SECONDS if at_terminal else 0.0

    def ask(self) -> None:
        """Asks whom it has not asked yet; kills who was asked long ago, or all after a second signal."""
        import psutil

        with contextlib.suppress(psutil.Error):
            self._seen |= {self._top, *self._top.children(recursive=True)}
            self._ask_below(self._top)
        for one, when in list(self._asked.items()):
            if _TOLD_AGAIN.is_set() or (_is_job(one) and time.monotonic() > when + GRACE_SECONDS):
                _kill(one)

    def _ask_below(self, one: psutil.Process) -> None:
        import psutil

        with contextlib.suppress(psutil.Error):
            words = _words(one)
            if "advtransfer" in words:
                self._send(one, signal.SIGTERM)
                return  # it ends what it started
            if {"snakemake", "dvc"} & set(words):
                self._interrupt(one)
            for child in one.children():
                self._ask_below(child)

    def _interrupt(self, one: psutil.Process) -> None:
        """Snakemake cancels its jobs on SIGINT alone; where that was ignored when it started, it begins no others."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            self._send(one, signal.SIGTERM)
        elif not self._heard:
            self._send(one, signal.SIGINT)
        elif time.monotonic() > self._heard:
            self._send(one, signal.SIGTERM)

    def _send(self, one: psutil.Process, number: int) -> None:
        if one not in self._asked:
            self._asked[one] = time.monotonic()
            one.send_signal(number)

    def kill_survivors(self) -> None:
        """What the program left: jobs whose parents are gone, and what those started."""
        import psutil

        _, alive = psutil.wait_procs(self._seen, timeout=0 if _TOLD_AGAIN.is_set() else GRACE_SECONDS / 3)
        for one in alive:
            _kill(one)


def _words(process: psutil.Process) -> list[str]:
    """The names of a program and of the module that it runs: ``python -m NAME ..``, ``python ../bin/NAME ..``."""
    command = process.cmdline()
    return [Path(word).name for word in command[:2]] + command[2:3]


def _is_job(process: psutil.Process) -> bool:
    import psutil

    try:
        return "advtransfer" in _words(process)
    except psutil.Error:
        return False


def _kill(process: psutil.Process) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        for one in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.Error):
                one.kill()


def _in_foreground() -> bool:
    """Whether a key of a terminal reaches this process, and so all that it started."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    return False
