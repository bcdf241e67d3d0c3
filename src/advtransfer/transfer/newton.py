"""Finish one penalised multinomial logistic regression in float64 by Newton's method.

For the few heads that conjugate gradients in float32 leave short of the tolerance: with a small strength next to
features that nearly separate the classes, or many examples of few directions. The weights are held in the r directions
in which the examples vary, so that the Hessian is small; where it is not, its system is solved by conjugate gradients.
A step is halved until the objective still falls at its end, which the convexity of the objective makes safe.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

STEPS = 200  # twenty are the rule
_EXACT = 1600  # unknowns up to which the Hessian is held as a matrix
_HALVINGS = 60
_TINY = 1e-300
_SMALL = 0.1  # a step that changes no score by more leaves the Hessian as it is


class Directions(NamedTuple):
    """Examples ``z`` [n, r] in the directions ``basis`` [r, d] in which they vary; float64."""

    z: Tensor
    basis: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Directions:
        """From centred features [n, d]; directions that are rounding are left out."""
        u, sizes, basis = torch.linalg.svd(x.double(), full_matrices=False)
        kept = sizes > sizes.amax() * max(x.shape) * torch.finfo(torch.float64).eps
        return cls(u[:, kept] * sizes[kept], basis[kept])


class Fitted(NamedTuple):
    """``weight`` [C, d] and ``bias`` [C] of a head, float64; ``converged`` says whether it is within the tolerance."""

    weight: Tensor
    bias: Tensor
    converged: bool


def finish(
    directions: Directions, labels: Tensor, strength: float, weight: Tensor, bias: Tensor, *, tolerance: float
) -> Fitted:
    """The minimum from ``weight`` [C, d] and ``bias`` [C] on; ``labels`` [n] (int64).

    ``tolerance`` bounds the relative excess of the objective over its minimum.
    """
    problem = _Problem(directions.z, labels, strength, classes=len(bias))
    theta = torch.cat([weight.double() @ directions.basis.T, bias.double()[:, None]], dim=1)
    state = problem.at(theta)
    if not problem.least(state) <= problem.at_zero():  # a start that rounding has led astray, nan included
        state = problem.at(torch.zeros_like(theta))
    for _ in range(STEPS):
        step = problem.newton(state)
        decrement = -float((step * state.gradient).sum())
        if not decrement > 0:  # the gradient is 0 but for rounding
            return _fitted(state.theta, directions, True)
        # the bias of a class without examples has no minimum: it counts by what is left to gain alone
        change = step[problem.present] @ problem.z1.T
        close = decrement <= tolerance * problem.least(state) and float(change.abs().amax()) <= _SMALL
        state = problem.walk(state, step, decrement)
        if close:
            return _fitted(state.theta, directions, True)
    return _fitted(state.theta, directions, False)


def _fitted(theta: Tensor, directions: Directions, converged: bool) -> Fitted:
    return Fitted(theta[:, :-1] @ directions.basis, theta[:, -1], converged)


class _State(NamedTuple):
    """Parameters [C, r + 1] (the last column is the bias), probabilities and residuals [C, n], gradient [C, r + 1]."""

    theta: Tensor
    probabilities: Tensor
    residual: Tensor
    gradient: Tensor


class _Problem:
    """Gradient, Hessian and steps of one objective."""

    def __init__(self, z: Tensor, labels: Tensor, strength: float, *, classes: int) -> None:
        self.z1 = torch.cat([z, z.new_ones(len(z), 1)], dim=1)
        self.labels, self.classes = labels[None], classes
        self.present = torch.bincount(labels, minlength=classes) > 0
        self.penalty = z.new_full((z.shape[1] + 1,), strength)
        self.penalty[-1] = 0.0

    def at(self, theta: Tensor) -> _State:
        probabilities = (theta @ self.z1.T).softmax(0)
        others = probabilities.scatter(0, self.labels, 0.0)
        # 1 - p of the own class as the sum of the others: exact where p is nearly 1
        residual = others.scatter(0, self.labels, -others.sum(0, keepdim=True))
        return _State(theta, probabilities, residual, residual @ self.z1 + self.penalty * theta)

    def least(self, state: _State) -> float:
        """A lower bound of the objective: 1 - p stands for -log p."""
        penalty = (self.penalty * state.theta.square()).sum()
        return 0.5 * float(penalty + state.residual.abs().sum())

    def at_zero(self) -> float:
        """The objective where all parameters are 0."""
        return len(self.z1) * math.log(self.classes)

    def newton(self, state: _State) -> Tensor:
        """Newton's step [C, r + 1]."""
        if state.theta.numel() <= _EXACT:
            return self._solved(state)
        return self._approximated(state)

    def _solved(self, state: _State) -> Tensor:
        classes, size = state.theta.shape
        p = state.probabilities
        spread = (p[:, :, None] * self.z1).permute(1, 0, 2).reshape(len(self.z1), classes * size)
        hessian = -(spread.T @ spread)
        blocks = hessian.view(classes, size, classes, size)
        for c in range(classes):
            blocks[c, :, c] += self.z1.T @ (p[c, :, None] * self.z1) + self.penalty.diag()
        # a shift of all biases changes nothing; held at 0 by a term of the size of their curvature
        blocks[:, -1, :, -1] += hessian.diagonal()[size - 1 :: size].amax().clamp_min(_TINY)
        # scaled to a diagonal of 1: the curvature of nearly certain examples is many orders below that of others
        scale = hessian.diagonal().clamp_min(_TINY).rsqrt()
        hessian *= scale[:, None] * scale
        damping = 0.0
        while True:
            factor, failed = torch.linalg.cholesky_ex(hessian)
            if not failed:
                break
            damping = max(10 * damping, torch.finfo(torch.float64).eps)
            hessian.diagonal().add_(damping)
        step = torch.cholesky_solve((-scale * state.gradient.flatten())[:, None], factor)[:, 0] * scale
        return step.view(classes, size)

    def _approximated(self, state: _State) -> Tensor:
        step, residual, search = torch.zeros_like(state.theta), -state.gradient, -state.gradient
        square = float(residual.square().sum())
        goal = 1e-12 * square
        for _ in range(state.theta.numel()):
            image = self._hessian(state, search)
            curvature = float((search * image).sum())
            if square <= goal or not curvature > 0:
                break
            step = step + square / curvature * search
            residual = residual - square / curvature * image
            previous, square = square, float(residual.square().sum())
            search = residual + square / previous * search
        return step

    def _hessian(self, state: _State, v: Tensor) -> Tensor:
        weighted = state.probabilities * (v @ self.z1.T)
        inner = weighted - state.probabilities * weighted.sum(0, keepdim=True)
        return inner @ self.z1 + self.penalty * v

    def walk(self, state: _State, step: Tensor, decrement: float) -> _State:
        """The state behind a step, halved until the objective does not rise there by a tenth of its first fall."""
        length = 1.0
        for _ in range(_HALVINGS):
            moved = self.at(state.theta + length * step)
            if float((step * moved.gradient).sum()) <= 0.1 * decrement:
                return moved
            length /= 2
        return state
