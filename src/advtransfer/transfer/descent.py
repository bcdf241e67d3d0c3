"""Fit many penalised multinomial logistic regressions at once by nonlinear conjugate gradients.

Problem (p, s) of P x S minimises, over weights W [C, d] and bias b [C],

    strength_ps / 2 * |W|^2 + sum_n crossentropy(W x_pn + b, y_pn).

Directions are those of Polak and Ribiere with the coefficient kept above 0 (Nocedal and Wright 2006, section 5.2). The
scores of the examples are linear in the step length, so the line search (``line_search``) moves scores, not weights:
however many lengths it tries, a step costs the same one or two matrix products.

A problem ends by a bound, not by how little the last steps gained. With g the gradient of W at softmax probabilities,
|g|^2 / (2 strength) is the gap to the dual objective, so the excess over the minimum is no larger once the bias is
at its own minimum; the gradient of the bias adds its Newton decrement. No logarithm is taken: the goal is a share of a
lower bound of the objective, in which 1 - p stands for -log p.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from advtransfer.transfer.line_search import Problem, line_search
from advtransfer.transfer.spans import Span, Vector

_BIAS = 4.0  # the Hessian of the biases is at least a quarter of its diagonal once classes share it
_NEAR = 0.1


class Minimum(NamedTuple):
    """``coordinates`` [P, S, C, m] and ``bias`` [P, S, C] of the heads; ``done`` [P, S] (bool): a bound of the
    objective's relative excess over its minimum is below the tolerance."""

    coordinates: Tensor
    bias: Tensor
    done: Tensor


def minimise(
    span: Span,
    labels: Tensor,
    strengths: Tensor,
    *,
    classes: int,
    tolerance: float,
    max_steps: int,
) -> Minimum:
    """Minima for ``labels`` [P, n] (int64) and ``strengths`` [P, S] (above 0), in the type of ``strengths``.

    A problem moves until its bound is below ``tolerance``, until rounding hides the way (its gradient is no larger than
    what rounding makes of 0, or no length along steepest descent lowers the objective), or for ``max_steps``. It then
    stays as it is, and problems and strengths that are through are no longer computed.
    """
    shape, zeros = (*strengths.shape, classes), strengths.new_zeros
    found = Minimum(zeros(*shape, span.size), zeros(shape), zeros(shape[:2], dtype=torch.bool))
    rows, columns = (torch.arange(count, device=labels.device) for count in shape[:2])
    problem = Problem(span, labels[:, None, None], strengths[..., None, None], classes)
    state = _begin(problem, Vector(*(zeros(*shape, size) for size in (span.size, 1, labels.shape[1]))))
    for step in range(max_steps + 1):
        rests, done = _judge(problem, state, tolerance)
        moving = ~rests[..., 0, 0]
        kept = moving.any(1).nonzero()[:, 0], moving.any(0).nonzero()[:, 0]
        last = step == max_steps
        if last or len(kept[0]) < len(rows) or len(kept[1]) < len(columns):
            place = rows[:, None], columns
            found.coordinates[place] = state.weights.coordinates
            found.bias[place] = state.weights.bias[..., 0]
            found.done[place] = done[..., 0, 0]
            rows, columns = rows[kept[0]], columns[kept[1]]
            problem, state, rests = problem.at(*kept), state.at(*kept), rests[kept[0]][:, kept[1]]
        if last or len(rows) == 0:
            break
        state = _step(problem, state, rests)
    return found


class _State(NamedTuple):
    """Where P x S problems stand: their weights, gradient (and its ``square`` [P, S, 1, 1]) and next direction, which
    may be ``steepest`` descent; the probabilities and residuals [P, S, C, n] of the examples; ``stuck`` (bool)."""

    weights: Vector
    gradient: Vector
    square: Tensor
    direction: Vector
    probabilities: Tensor
    residual: Tensor
    steepest: Tensor
    stuck: Tensor

    def at(self, problems: Tensor, strengths: Tensor) -> _State:
        """Some of the problems and strengths (positions)."""

        def of(part: Tensor) -> Tensor:
            return part[problems][:, strengths]

        return _State(
            self.weights.at(problems, strengths),
            self.gradient.at(problems, strengths),
            of(self.square),
            self.direction.at(problems, strengths),
            of(self.probabilities),
            of(self.residual),
            of(self.steepest),
            of(self.stuck),
        )


def _begin(problem: Problem, start: Vector) -> _State:
    probabilities, residual = problem.residual(start.scores())
    gradient = problem.gradient(start, residual)
    square = problem.dot(gradient, gradient)
    yes = torch.ones_like(square, dtype=torch.bool)
    return _State(start, gradient, square, gradient.negative(), probabilities, residual, yes, ~yes)


def _judge(problem: Problem, state: _State, tolerance: float) -> tuple[Tensor, Tensor]:
    """Which problems move no more, and which of them are close enough: both [P, S, 1, 1] (bool)."""
    size = state.residual.abs().sum(3, keepdim=True)
    square = state.residual.square().sum(3, keepdim=True)
    tiny = torch.finfo(size.dtype).tiny
    penalty = problem.strengths * problem.span.dot(state.weights, state.weights)
    least = 0.5 * (penalty + size.sum(2, keepdim=True)).clamp_min(tiny)
    unsure = problem.span.doubt(state.gradient, state.residual) / problem.strengths
    excess = problem.span.dot(state.gradient, state.gradient) / problem.strengths
    curvature = (size - square).clamp_min(tiny)
    # the bias of a class without examples has no minimum: what is left to gain there is its probabilities
    absent = ~problem.present
    biases = torch.where(absent, 0.0, state.gradient.bias / curvature)
    excess = excess + _BIAS * (state.gradient.bias * biases).sum(2, keepdim=True)
    excess = excess + 4 * torch.where(absent, size, 0.0).sum(2, keepdim=True)
    # a decrement bounds the excess only where the step that it stands for leaves the curvature as it is
    near = biases.abs().amax(2, keepdim=True) <= _NEAR
    done = near & (0.5 * (excess + unsure) <= tolerance * least)
    return done | state.stuck | (excess <= unsure), done


def _step(problem: Problem, state: _State, rests: Tensor) -> _State:
    """One step; a problem that ``rests`` stays."""
    length, probabilities, residual = line_search(
        problem,
        state.weights,
        state.gradient,
        state.direction,
        probabilities=state.probabilities,
        residual=state.residual,
        rests=rests,
    )
    weights = state.weights.plus(length, state.direction)
    gradient = problem.gradient(weights, residual)
    square = problem.dot(gradient, gradient)
    change = square - problem.dot(gradient, state.gradient)
    tiny = torch.finfo(square.dtype).tiny
    share = (change / state.square.clamp_min(tiny)).clamp_min(0.0)
    downhill = share * problem.dot(state.direction, gradient) < square
    share = torch.where(downhill & (length > 0), share, 0.0)
    direction = gradient.negative().plus(share, state.direction)
    return _State(
        weights,
        gradient,
        square,
        direction,
        probabilities,
        residual,
        share == 0,
        (length == 0) & state.steepest,
    )
