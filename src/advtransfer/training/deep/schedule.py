"""Learning rate over a training: factors of the highest rate, functions of the update's number."""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(done: float) -> float:
    """The highest rate throughout."""
    return 1.0


def cosine(done: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov and Hutter 2017, eq. 5, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * done))


def linear(done: float) -> float:
    """From 1 to 0 along a line: with a warm-up, the one cycle of Smith and Topin 2018 and of Wong et al. 2020."""
    return 1.0 - done


DECAYS: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine, "one_cycle": linear}


def factor(update: int, updates: int, *, decay: str, warmup: float) -> float:
    """Factor of the learning rate at ``update`` of ``updates``.

    A linear rise over the first ``warmup`` of the updates, that reaches 1 with its last update and never is 0; then
    ``decay`` (constant, cosine, one_cycle), which would reach its end one update after the last.
    """
    rising = round(warmup * updates)
    if update < rising:
        return (update + 1) / rising
    return DECAYS[decay]((update - rising) / (updates - rising))
