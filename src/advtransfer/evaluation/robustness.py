"""Accuracy under attack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from advtransfer.attacks.pgd import PGD
from advtransfer.objectives.losses import cross_entropy
from advtransfer.seeding import Streams


def robust_correct(
    logits: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, attack: PGD, streams: Streams
) -> Tensor:
    """Which examples stay right, [R, B] bool: without attack and under every one of ``attack.restarts`` starts.

    Args:
        logits: [R, B, *event] -> [R, B, C].
        x, y: examples and labels [R, B].
    """
    once = replace(attack, restarts=1)
    with torch.no_grad():
        right = logits(x).argmax(2) == y
    for _ in range(attack.restarts):
        moved = once(lambda z: cross_entropy(logits(z), y), x, streams)
        with torch.no_grad():
            right &= logits(moved).argmax(2) == y
    return right
