"""Processes that end with the one that started them, however that ended: their GPU is another job's by then."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux alone


def die_with_parent() -> None:
    """From now on this process gets SIGTERM when its parent is gone; nothing where the system is not Linux.

    For ``preexec_fn`` too: the wish outlives the start of another program.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
