"""Multinomial logistic heads on frozen features: many problems, all l2 strengths at once, and the choice of one.

A head minimises, over W [d, C] and b [C],

    strength / 2 * |W|^2 + sum_n crossentropy(x_n W + b, y_n)

with the bias free, as scikit-learn's ``LogisticRegression(C=1/strength)``, which the tests compare with. Conjugate
gradients in float32 (``descent``) do it for all together; the few heads that they leave short of the tolerance are
finished one by one in float64 (``newton``), so that finite features cannot fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtransfer.transfer.deep.standardise import Standardiser
from advtransfer.transfer.descent import minimise
from advtransfer.transfer.newton import STEPS, Directions, finish
from advtransfer.transfer.spans import span_of


@dataclass(frozen=True)
class Heads:
    """Fitted heads: ``weight`` [P, d, C], ``bias`` [P, 1, C]."""

    weight: Tensor
    bias: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """Scores [P, N, C] of features x [P, N, d]."""
        return torch.baddbmm(self.bias, x, self.weight)


@dataclass(frozen=True)
class HeadGrid:
    """Heads of P problems at S strengths: ``weight`` [P, S, d, C], ``bias`` [P, S, 1, C], ``strengths`` [S]."""

    weight: Tensor
    bias: Tensor
    strengths: Tensor

    def pick(self, choice: Tensor) -> Heads:
        """One head a problem: ``choice`` [P] (int64) holds positions in ``strengths``."""
        rows = torch.arange(len(choice), device=self.weight.device)
        return Heads(weight=self.weight[rows, choice], bias=self.bias[rows, choice])

    def choose(self, x: Tensor, y: Tensor) -> Tensor:
        """The position [P] of the strength with the highest accuracy on validation examples.

        ``x`` [M, d] and ``y`` [M] (int64) are shared by all problems. Of equally good strengths the largest wins.
        """
        right = torch.stack([self._right(x, y, s) for s in range(len(self.strengths))], dim=1)
        rank = self.strengths.argsort().argsort()
        return (right * len(rank) + rank).argmax(1)

    def _right(self, x: Tensor, y: Tensor, position: int) -> Tensor:
        heads = Heads(weight=self.weight[:, position], bias=self.bias[:, position])
        return correct(heads, x, y).sum(1)


def fit_grid(
    x: Tensor,
    y: Tensor,
    *,
    classes: int,
    strengths: Sequence[float],
    tolerance: float = 5e-6,
    max_steps: int = 300,
) -> HeadGrid:
    """Heads for features x [P, n, d] (float32 or float64) and labels y [P, n] (int64).

    ``tolerance`` bounds the relative excess of the objective over its minimum. ``max_steps`` is how many steps are
    taken together, before what is left is finished. ValueError for a strength that is not above 0 or features that are
    not finite; RuntimeError for a head that could not be fitted.
    """
    if not strengths or min(strengths) <= 0:
        raise ValueError(f"l2 strengths must be above 0, found {list(strengths)}")
    if not x.isfinite().all():
        raise ValueError("the features hold values that are not finite")
    mean = x.mean(1, keepdim=True)
    centred = x - mean  # the bias makes up for the mean, and centred examples converge in fewer steps
    unit = _units(centred)
    levels = torch.tensor(strengths, dtype=torch.float64, device=x.device) * unit.square()
    span = span_of(centred * unit[..., None].to(x))
    found = minimise(span, y, levels.to(x), classes=classes, tolerance=tolerance, max_steps=max_steps)
    weight, bias = span.weights(found.coordinates) * unit[..., None, None].to(x), found.bias
    for problem in (~found.done).any(1).nonzero()[:, 0].tolist():
        scaled = (x[problem].double() - mean[problem].double()) * unit[problem]
        directions = Directions.of(scaled)
        for s in (~found.done[problem]).nonzero()[:, 0].tolist():
            start = weight[problem, s] / unit[problem].to(x), bias[problem, s]
            head = finish(directions, y[problem], float(levels[problem, s]), *start, tolerance=tolerance)
            if not head.converged:
                raise RuntimeError(f"l2 strength {strengths[s]:g}: no minimum in {STEPS} steps in float64")
            weight[problem, s], bias[problem, s] = (head.weight * unit[problem]).to(x), head.bias.to(x)
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise RuntimeError("a head has values that are no numbers (nan)")
    # in float64: of features far from 0 the two terms all but cancel in the scores
    bias = (bias - (weight.double() @ mean[:, None].mT.double())[..., 0]).to(x)
    return HeadGrid(weight=weight.mT, bias=bias[:, :, None], strengths=x.new_tensor(strengths))


def fit_heads(x: Tensor, y: Tensor, *, classes: int, strength: float, tolerance: float = 5e-6) -> Heads:
    """Heads at one strength; otherwise as ``fit_grid``."""
    grid = fit_grid(x, y, classes=classes, strengths=[strength], tolerance=tolerance)
    return Heads(weight=grid.weight[:, 0], bias=grid.bias[:, 0])


def _units(centred: Tensor) -> Tensor:
    """Powers of 2 [P, 1] (float64) that bring the features [P, n, d] near 1: large or small ones would overflow."""
    sizes = centred.double().square().mean((1, 2)).tolist()
    units = [math.ldexp(1.0, -(math.frexp(size)[1] // 2)) if size > 0 else 1.0 for size in sizes]
    return torch.tensor(units, dtype=torch.float64, device=centred.device)[:, None]


def correct(heads: Heads, x: Tensor, y: Tensor) -> Tensor:
    """Which examples x [M, d] with labels y [M] each of P heads gets right: [P, M] bool."""
    problems, _, classes = heads.weight.shape
    # one product for all heads: the examples are read once
    scores = (x @ heads.weight.permute(1, 0, 2).flatten(1)).unflatten(1, (problems, classes))
    predicted = (scores + heads.bias[:, 0]).argmax(2)
    return y == predicted.T


def linear_layer(heads: Heads, problem: int, standardiser: Standardiser) -> nn.Linear:
    """One fitted head as a layer on features that are not standardised: what an attack sees as the model's head."""
    weight = heads.weight[problem] / standardiser.scale[:, None]
    layer = nn.Linear(weight.shape[0], weight.shape[1], device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        layer.bias.copy_(heads.bias[problem, 0] - standardiser.mean @ weight)
    return layer
