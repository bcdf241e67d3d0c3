"""Multinomial logistic heads on frozen features, many small problems at once.

Each problem p of P minimises (over W [D, C], b [C])

    strength / 2 * |W|^2 + sum_n w_n * crossentropy(X_n W + b, y_n)

by Newton's method with conjugate-gradient steps and backtracking; the bias is not penalised, as in scikit-learn's
``LogisticRegression(C=1/strength)``, which the tests compare with.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Heads:
    """Fitted heads: ``weight`` [P, D, C], ``bias`` [P, 1, C]."""

    weight: Tensor
    bias: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """Scores [P, N, C] of features x [P, N, D]."""
        return torch.baddbmm(self.bias, x, self.weight)


def fit_heads(
    x: Tensor,
    y: Tensor,
    *,
    classes: int,
    strength: float,
    weights: Tensor | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 50,
) -> Heads:
    """Heads for features x [P, N, D] (float) and labels y [P, N] (int64).

    ``weights`` [P, N] lets problems of different size share a batch: weight 0 is padding. Stops when every
    problem's gradient is below ``tolerance`` times what it was at zero (float32 rounding allows about 1e-6).
    """
    problem = _Problem(x, y, classes, strength, weights)
    theta = x.new_zeros(x.shape[0], x.shape[2] + 1, classes)
    value, gradient, probabilities = problem.evaluate(theta)
    goal = tolerance**2 * _dot(gradient, gradient)
    for _ in range(max_steps):
        unfinished = _dot(gradient, gradient) > goal
        if not unfinished.any():
            break
        direction = _conjugate_gradients(problem, probabilities, -gradient * unfinished)
        theta = _backtrack(problem, theta, value, gradient, direction)
        value, gradient, probabilities = problem.evaluate(theta)
    return Heads(weight=theta[:, :-1], bias=theta[:, -1:])


class _Problem:
    """Value, gradient and Hessian products of the P objectives; theta [P, D + 1, C], last row the bias."""

    def __init__(self, x: Tensor, y: Tensor, classes: int, strength: float, weights: Tensor | None) -> None:
        self.x = torch.cat([x, x.new_ones(*x.shape[:2], 1)], dim=2)
        self.target = torch.nn.functional.one_hot(y, classes).to(x)
        self.weights = (x.new_ones(y.shape) if weights is None else weights.to(x))[..., None]
        self.penalty = x.new_full((x.shape[2] + 1, 1), strength)
        self.penalty[-1] = 0.0

    def value(self, theta: Tensor) -> Tensor:
        log_probabilities = (self.x @ theta).log_softmax(2)
        loss = -(self.weights * self.target * log_probabilities).sum((1, 2))
        return loss + 0.5 * (self.penalty * theta**2).sum((1, 2))

    def evaluate(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        probabilities = (self.x @ theta).softmax(2)
        gradient = self.x.mT @ (self.weights * (probabilities - self.target)) + self.penalty * theta
        return self.value(theta), gradient, probabilities

    def hessian(self, probabilities: Tensor, v: Tensor) -> Tensor:
        weighted = probabilities * (self.x @ v)
        inner = weighted - probabilities * weighted.sum(2, keepdim=True)
        return self.x.mT @ (self.weights * inner) + self.penalty * v


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2), keepdim=True)


def _conjugate_gradients(problem: _Problem, probabilities: Tensor, target: Tensor, steps: int = 30) -> Tensor:
    """Approximate solution of ``Hessian v = target``, each problem to a tenth of its residual."""
    v, residual, search = torch.zeros_like(target), target, target
    square = _dot(residual, residual)
    goal = 0.01 * square
    for _ in range(steps):
        if not (square > goal).any():
            break
        image = problem.hessian(probabilities, search)
        curvature = _dot(search, image)
        rate = torch.where((square > goal) & (curvature > 0), square / curvature.clamp_min(1e-30), 0.0)
        v = v + rate * search
        residual = residual - rate * image
        previous, square = square, _dot(residual, residual)
        search = residual + square / previous.clamp_min(1e-30) * search
    return v


def _backtrack(
    problem: _Problem, theta: Tensor, value: Tensor, gradient: Tensor, direction: Tensor
) -> Tensor:
    """Halves each problem's step until its value falls by Armijo's share; a problem that cannot fall stays."""
    slope = _dot(gradient, direction).flatten()
    rate = torch.ones_like(value)
    for _ in range(20):
        moved = theta + rate[:, None, None] * direction
        # the slack is float32's rounding of the value: near the minimum a good step may not show
        good = problem.value(moved) <= value + 1e-4 * rate * slope + 1e-6 * value
        if good.all():
            return moved
        rate = torch.where(good, rate, 0.5 * rate)
    return torch.where(good[:, None, None], moved, theta)
