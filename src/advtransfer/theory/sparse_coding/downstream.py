"""The downstream task: a clean logistic head on frozen features, and how robust it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from advtransfer.attacks.pgd import PGD
from advtransfer.seeding import Streams
from advtransfer.theory.sparse_coding.config import Scenario
from advtransfer.theory.sparse_coding.net import Net
from advtransfer.transfer.heads import fit_heads

Margin = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Robustness:
    """Outcome of an attack at one radius; float32 [R]."""

    accuracy: Tensor  # points that survive every start
    one_start: Tensor  # points that survive the first start: much more of them would hint at gradient masking


def fit_margin(s: Scenario, net: Net, x: Tensor, y: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Fit the head on clean points x [R, N, d], y [R, N, 1]; returns (x, y) -> margins y f(x) [R, N]."""
    labels = (y[:, :, 0] > 0).long()
    heads = fit_heads(net.hidden(x), labels, classes=2, strength=s.head_penalty)
    weight = (heads.weight[:, :, 1:] - heads.weight[:, :, :1]).mT
    bias = heads.bias[:, :, 1] - heads.bias[:, :, 0]

    def margin(points: Tensor, signs: Tensor) -> Tensor:
        score = (net.hidden(points) * weight).sum(dim=2)  # three times as fast as a product with one column
        return signs[:, :, 0] * (score + bias)

    return margin


def robustness(s: Scenario, margin: Margin, x: Tensor, eps: float, streams: Streams) -> Robustness:
    """Accuracy on x [R, N, d] under the worst of `attack_starts` l2 attacks from random points of the ball.

    `margin` maps points to margins [R, N]; a point counts when its margin is positive unperturbed and after
    each start.
    """
    attack = PGD(norm="l2", eps=eps, steps=s.attack_steps)
    alive = margin(x) > 0
    after_one = alive
    for start in range(s.attack_starts):
        alive = alive & (margin(attack(lambda q: -margin(q), x, streams).detach()) > 0)
        after_one = alive if start == 0 else after_one
    return Robustness(alive.float().mean(dim=1), after_one.float().mean(dim=1))


def zero_gradient_share(margin: Margin, x: Tensor) -> Tensor:
    """Share of points [R] at which the margin has no gradient at all, where a gradient attack cannot move."""
    q = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(margin(q).sum(), q)
    return (gradient == 0).all(dim=2).float().mean(dim=1)
