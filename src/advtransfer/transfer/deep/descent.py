"""Fit many penalised multinomial logistic regressions at once by nonlinear conjugate gradients.

Problem (p, s) of P x S minimises, over weights W [C, d] and bias b [C],

    strength_s / 2 * |W|^2 + sum_n crossentropy(W x_pn + b, y_pn).

Directions are those of Polak and Ribiere with the coefficient kept above 0 (Nocedal and Wright 2006, section 5.2). The
scores of the examples are linear in the step length, so the line search moves scores, not weights: however many
lengths it tries, a step costs the same one or two matrix products. It looks for slope 0 by Newton's method between
bounds, which the convexity of the objective makes safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from advtransfer.transfer.deep.spans import Span, Vector, dot

_WINDOW = 5  # steps whose gain decides about the end: a few may be short by chance
_TRIALS = 10  # lengths of one line search; one or two are the rule
_FLAT = 0.1  # the line search stops where the slope is this share of what it was at its start


class Minimum(NamedTuple):
    """``coordinates`` [P, S, C, m] and ``bias`` [P, S, C] of the heads; ``converged`` [P, S] bool."""

    coordinates: Tensor
    bias: Tensor
    converged: Tensor


def minimise(
    span: Span, labels: Tensor, strengths: Tensor, *, classes: int, tolerance: float, max_steps: int
) -> Minimum:
    """Minima for ``labels`` [P, n] (int64) and ``strengths`` [S] (above 0), in the type of ``strengths``.

    A problem is finished when its last five steps together lowered the objective by less than ``tolerance`` times
    its value; as the method converges linearly, that leaves a relative excess of about ``tolerance`` (measured:
    up to 4 times that). It then stays as it is, and a strength that all P problems have finished is no longer
    computed.
    """
    shape = (len(labels), len(strengths), classes)
    problem = _Problem(span, labels[:, None, None], strengths[:, None, None])
    state = problem.at_zero(shape)
    found = Minimum(
        coordinates=strengths.new_zeros(*shape, span.size),
        bias=strengths.new_zeros(shape),
        converged=torch.zeros(shape[:2], dtype=torch.bool, device=labels.device),
    )
    left = torch.arange(len(strengths), device=labels.device)
    for step in range(max_steps + 1):
        done = state.falls.sum(3, keepdim=True) <= tolerance * problem.value(state)
        unfinished = (~done).any(0).flatten().nonzero()[:, 0]
        if len(unfinished) < len(left) or step == max_steps:
            _keep(found, left, state, done)
            left, state, done = left[unfinished], state.strengths(unfinished), done[:, unfinished]
            problem = _Problem(span, problem.labels, problem.strengths[unfinished])
        if len(left) == 0 or step == max_steps:
            break
        state = problem.step(state, done)
    return found


def _keep(found: Minimum, left: Tensor, state: _State, done: Tensor) -> None:
    found.coordinates[:, left] = state.weights.coordinates
    found.bias[:, left] = state.weights.bias[..., 0]
    found.converged[:, left] = done[..., 0, 0]


class _State(NamedTuple):
    """Where P x S problems stand: their weights, gradient (and its ``square`` [P, S, 1, 1]) and next direction, the
    probabilities [P, S, C, n] that they give to the examples, and by how much each of the last steps lowered the
    objective [P, S, 1, window]."""

    weights: Vector
    gradient: Vector
    square: Tensor
    direction: Vector
    probabilities: Tensor
    falls: Tensor

    def strengths(self, kept: Tensor) -> _State:
        """The problems of the strengths ``kept`` (positions)."""
        return _State(
            self.weights.strengths(kept),
            self.gradient.strengths(kept),
            self.square[:, kept],
            self.direction.strengths(kept),
            self.probabilities[:, kept],
            self.falls[:, kept],
        )


@dataclass(frozen=True)
class _Problem:
    """``labels`` [P, 1, 1, n], ``strengths`` [S, 1, 1]; scalars of the P x S problems are [P, S, 1, 1]."""

    span: Span
    labels: Tensor
    strengths: Tensor

    def at_zero(self, shape: tuple[int, int, int]) -> _State:
        zeros, examples = self.strengths.new_zeros, self.labels.shape[3]
        weights = Vector(*(zeros(*shape, size) for size in (self.span.size, 1, examples)))
        probabilities = zeros(*shape, examples) + 1 / shape[2]
        gradient = self.gradient(weights, probabilities)
        falls = zeros(*shape[:2], 1, _WINDOW) + torch.inf
        return _State(
            weights, gradient, self._dot(gradient, gradient), gradient.negative(), probabilities, falls
        )

    def value(self, state: _State) -> Tensor:
        likely = self._own(state.probabilities)
        penalty = 0.5 * self.strengths * self.span.dot(state.weights, state.weights)
        return penalty - likely.clamp_min(_tiny(likely)).log().sum(3, keepdim=True)

    def gradient(self, weights: Vector, probabilities: Tensor) -> Vector:
        index = self.labels.expand(-1, len(self.strengths), -1, -1)
        residual = probabilities.scatter_add(2, index, probabilities.new_full((1,), -1.0).expand(index.shape))
        coordinates = torch.addcmul(self.span.pull(residual), self.strengths, weights.coordinates)
        return Vector(coordinates, residual.sum(3, keepdim=True), self.span.image(coordinates))

    def step(self, state: _State, done: Tensor) -> _State:
        """One step; a problem that is ``done`` stays."""
        length, probabilities, fall = self._line_search(state, done)
        weights = state.weights.plus(length, state.direction)
        gradient = self.gradient(weights, probabilities)
        square = self._dot(gradient, gradient)
        change = square - self._dot(gradient, state.gradient)
        share = (change / state.square.clamp_min(_tiny(square))).clamp_min(0.0)
        downhill = share * self._dot(state.direction, gradient) < square
        direction = gradient.negative().plus(torch.where(downhill, share, 0.0), state.direction)
        falls = torch.cat([state.falls[..., 1:], torch.where(done, 0.0, fall)], dim=3)
        return _State(weights, gradient, square, direction, probabilities, falls)

    def _line_search(self, state: _State, done: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Lengths (0 where ``done``), the probabilities there, and by how much the objective fell."""
        scores, change = state.weights.scores(), state.direction.scores()
        bend = self.strengths * self.span.dot(state.direction, state.direction)
        pull = self.strengths * self.span.dot(state.weights, state.direction)
        pull = pull - self._own(change).sum(3, keepdim=True)
        first = slope = self._dot(state.gradient, state.direction)
        length = low = torch.zeros_like(first)
        high = torch.full_like(first, torch.inf)
        probabilities = state.probabilities
        for _ in range(_TRIALS):
            moving = (slope.abs() > _FLAT * first.abs()) & ~done
            if not moving.any():
                break
            weighted = probabilities * change
            spread = dot(weighted, change) - weighted.sum(2, keepdim=True).square().sum(3, keepdim=True)
            newton = length - slope / (bend + spread).clamp_min(_tiny(slope))
            middle = torch.where(high.isinf(), 2 * low, 0.5 * (low + high))
            inside = (newton > low) & (newton < high)
            length = torch.where(moving, torch.where(inside, newton, middle), length)
            probabilities = torch.addcmul(scores, length, change).softmax(2)
            slope = pull + length * bend + dot(probabilities, change)
            low, high = torch.where(slope < 0, length, low), torch.where(slope > 0, length, high)
        return length, probabilities, -0.5 * length * (first + slope)

    def _dot(self, a: Vector, b: Vector) -> Tensor:
        return self.span.dot(a, b) + dot(a.bias, b.bias)

    def _own(self, x: Tensor) -> Tensor:
        """What x [P, S, C, n] holds for each example's own class: [P, S, 1, n]."""
        return x.gather(2, self.labels.expand(-1, x.shape[1], -1, -1))


def _tiny(x: Tensor) -> float:
    return torch.finfo(x.dtype).tiny
