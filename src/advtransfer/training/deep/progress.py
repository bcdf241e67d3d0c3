"""What a running training tells whoever watches: one live line on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TextIO

LIVE_SECONDS, LOG_SECONDS = 0.5, 60.0


class Progress:
    """Epoch, images a second, loss, accuracy and the time that is left."""

    def __init__(
        self,
        name: str,
        *,
        steps: int,
        images_per_step: int,
        images_per_epoch: int,
        stream: TextIO | None = None,
        every_seconds: float | None = None,
    ) -> None:
        self.name = name
        self.steps = steps
        self.images_per_step = images_per_step
        self.images_per_epoch = images_per_epoch
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.every_seconds = every_seconds or (LIVE_SECONDS if self.live else LOG_SECONDS)
        self._begun = self._shown = (0.0, 0)
        self._width = 0

    def begin(self, step: int) -> None:
        """A training starts, or goes on, at ``step``."""
        self._begun = self._shown = (time.monotonic(), step)

    def report(self, done: int, measure: Callable[[], Mapping[str, float]]) -> None:
        """``done`` steps are done; ``measure`` is asked only when a line is due, as its answer may be waited for."""
        now, last = time.monotonic(), done == self.steps
        if last or now - self._shown[0] >= self.every_seconds:
            self._show(self._line(done, now, measure()), last)
            self._shown = (now, done)

    def _line(self, done: int, now: float, values: Mapping[str, float]) -> str:
        measured = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
        speed = self._rate(self._shown, now, done) * self.images_per_step
        overall = self._rate(self._begun, now, done)
        left = timedelta(seconds=round((self.steps - done) / overall)) if overall else "?"
        size = self.images_per_step / self.images_per_epoch
        return (
            f"{self.name}  epoch {done * size:.2f}/{self.steps * size:.2f}  step {done}/{self.steps}  "
            f"{speed:.0f} images/s  {measured}  ETA {left}"
        )

    @staticmethod
    def _rate(since: tuple[float, int], now: float, done: int) -> float:
        """Steps a second since then."""
        then, step = since
        return (done - step) / (now - then) if now > then else 0.0

    def _show(self, line: str, last: bool) -> None:
        if not self.live:
            print(line, file=self.stream, flush=True)
            return
        # padded: a shorter line must cover the longer one before it
        print("\r" + line.ljust(self._width), end="\n" if last else "", file=self.stream, flush=True)
        self._width = len(line)
