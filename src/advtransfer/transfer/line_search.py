"""The steps of many heads along their directions: as far as the slope of the objective lets them.

Scores are linear in the length of a step, so a trial moves scores alone. The zero of the slope is looked for by
Newton's method between bounds, which the convexity of the objective makes safe. At the length that is taken the slope
is known; where none was found at which it is flat enough, the longest is taken at which the objective still falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from advtransfer.transfer.spans import Span, Vector, dot

_GROWTH = 10.0  # the factor by which one trial may lengthen a step
_TRIALS = 30  # lengths of one line search; one or two are the rule
_FLAT = 0.1  # the line search stops where the slope is this share of what it was at its start


@dataclass(frozen=True)
class Problem:
    """P x S objectives: ``labels`` [P, 1, 1, n], ``strengths`` [P, S, 1, 1]; their scalars are [P, S, 1, 1]."""

    span: Span
    labels: Tensor
    strengths: Tensor
    classes: int

    def at(self, problems: Tensor, strengths: Tensor) -> Problem:
        return Problem(
            self.span.at(problems),
            self.labels[problems],
            self.strengths[problems][:, strengths],
            self.classes,
        )

    def residual(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities [P, S, C, n], and the same less 1 for the own class: exact where that is nearly 1."""
        probabilities = scores.softmax(2)
        own = self.own(scores)
        others = probabilities.scatter(2, own, 0.0)
        return probabilities, others.scatter(2, own, -others.sum(2, keepdim=True))

    def own(self, scores: Tensor) -> Tensor:
        """Positions of each example's own class in scores [P, S, C, n]: [P, S, 1, n]."""
        return self.labels.expand(-1, scores.shape[1], -1, -1)

    @cached_property
    def present(self) -> Tensor:
        """Which classes have an example: [P, 1, C, 1]."""
        found = torch.zeros(len(self.labels), 1, self.classes, 1, dtype=torch.bool, device=self.labels.device)
        return found.scatter(2, self.labels.mT, True)

    def gradient(self, weights: Vector, residual: Tensor) -> Vector:
        coordinates = torch.addcmul(self.span.pull(residual), self.strengths, weights.coordinates)
        return Vector(coordinates, residual.sum(3, keepdim=True), self.span.image(coordinates))

    def dot(self, a: Vector, b: Vector) -> Tensor:
        return self.span.dot(a, b) + dot(a.bias, b.bias)


def line_search(
    problem: Problem,
    weights: Vector,
    gradient: Vector,
    direction: Vector,
    *,
    probabilities: Tensor,
    residual: Tensor,
    rests: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Lengths [P, S, 1, 1] (0 where a problem ``rests``), and probabilities and residuals [P, S, C, n] there."""
    scores = weights.scores()
    change = direction.scores()
    change = change - change.gather(2, problem.own(change))
    bend = problem.strengths * problem.span.dot(direction, direction)
    pull = problem.strengths * problem.span.dot(weights, direction)
    first = slope = problem.dot(gradient, direction)
    length = low = torch.zeros_like(first)
    high = torch.full_like(first, torch.inf)
    tiny = torch.finfo(first.dtype).tiny
    for _ in range(_TRIALS):
        weighted = probabilities * change
        spread = dot(weighted, change) - weighted.sum(2, keepdim=True).square().sum(3, keepdim=True)
        newton = length - slope / (bend + spread).clamp_min(tiny)
        middle = torch.where(high.isinf(), 4 * length, 0.5 * (low + high))
        farthest = torch.where(length > 0, torch.minimum(high, _GROWTH * length), high)
        inside = (newton > low) & (newton < farthest)
        length = torch.where(rests, length, torch.where(inside, newton, middle))
        probabilities, residual = problem.residual(torch.addcmul(scores, length, change))
        slope = pull + length * bend + dot(residual, change)
        rests = rests | (slope.abs() <= _FLAT * first.abs())
        if rests.all():
            return length, probabilities, residual
        low = torch.where((slope < 0) & ~rests, length, low)
        high = torch.where((slope > 0) & ~rests, length, high)
    length = torch.where(rests, length, low)
    return length, *problem.residual(torch.addcmul(scores, length, change))
