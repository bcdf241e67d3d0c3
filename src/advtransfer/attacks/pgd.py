"""Projected gradient descent, the attack of Madry et al. (2018), for stacks of models.

Examples are [R, B, *event]: replica r of the model is attacked on its own B examples. The loss is handed in as a
function, so the attack knows neither models nor labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from advtransfer.attacks.norms import NORMS
from advtransfer.seeding import Streams

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class PGD:
    """``steps`` steps of length ``relative_step * eps / steps`` in the steepest direction of ``norm``.

    eps is in the units of the examples. ``clip`` bounds the examples (None: unbounded). ``random_start`` begins at
    a uniform point of the ball; each of ``restarts`` starts anew and the worst outcome is kept per example.
    """

    norm: str
    eps: float
    steps: int
    relative_step: float = 2.5
    random_start: bool = True
    restarts: int = 1
    clip: tuple[float, float] | None = None

    def __call__(self, loss: Loss, x: Tensor, streams: Streams) -> Tensor:
        """Perturbed examples, shape of ``x``.

        ``loss`` maps [R, B, *event] to one loss an example, [R, B]; among restarts the highest loss wins.
        """
        worst, highest = x, None
        for _ in range(self.restarts):
            adversarial = self._run(loss, x, streams)
            if self.restarts == 1:
                return adversarial
            with torch.no_grad():
                value = loss(adversarial)
            better = torch.ones_like(value, dtype=torch.bool) if highest is None else value > highest
            worst = torch.where(better.reshape(*value.shape, *(1,) * (x.dim() - 2)), adversarial, worst)
            highest = value if highest is None else torch.maximum(value, highest)
        return worst

    def _run(self, loss: Loss, x: Tensor, streams: Streams) -> Tensor:
        norm, events = NORMS[self.norm], x.dim() - 2
        step = self.relative_step * self.eps / self.steps
        delta = torch.zeros_like(x)
        if self.random_start:
            delta = self._bounded(x, self.eps * norm.random(streams, tuple(x.shape[1:]), events).to(x))
        for _ in range(self.steps):
            delta.requires_grad_(True)
            (gradient,) = torch.autograd.grad(loss(x + delta).sum(), delta)
            moved = delta.detach() + step * norm.steepest(gradient, events)
            delta = self._bounded(x, norm.project(moved, self.eps, events))
        return self._clipped(x + delta)

    def _bounded(self, x: Tensor, delta: Tensor) -> Tensor:
        return delta if self.clip is None else self._clipped(x + delta) - x

    def _clipped(self, x: Tensor) -> Tensor:
        return x if self.clip is None else x.clamp(*self.clip)
