"""Where the weights of linear heads live while they are fitted: in feature space, or in the span of the examples.

A fit needs only sums, inner products, and the scores of the examples. With n examples of d features the weights of
the minimum are a combination of the examples (the representer theorem: the penalty grows with everything outside
their span), so for n <= d they are held as coefficients on the examples and one product with the Gram matrix
[n, n] replaces two with the features [n, d].
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

_ROUNDING = 4.0  # units in the last place that a sum may be off


class Vector(NamedTuple):
    """Weights of P x S heads of C classes: ``coordinates`` [P, S, C, m], ``bias`` [P, S, C, 1], and ``image``
    [P, S, C, n], the scores that the coordinates alone give to the n examples."""

    coordinates: Tensor
    bias: Tensor
    image: Tensor

    def plus(self, rate: Tensor, other: Vector) -> Vector:
        """``self + rate * other``; rate [P, S, 1, 1]."""
        return Vector(*(torch.addcmul(a, rate, b) for a, b in zip(self, other, strict=True)))

    def negative(self) -> Vector:
        return Vector(*(-part for part in self))

    def scores(self) -> Tensor:
        """What these weights and biases give to the examples, [P, S, C, n]."""
        return self.image + self.bias

    def at(self, problems: Tensor, strengths: Tensor) -> Vector:
        """The vectors of some problems and strengths (positions)."""
        return Vector(*(part[problems][:, strengths] for part in self))


class Span(Protocol):
    """Coordinates of weights, for P problems of n examples each."""

    size: int  # m, the number of coordinates

    def pull(self, residual: Tensor) -> Tensor:
        """Coordinates [P, S, C, m] of ``residual^T X``, for residuals [P, S, C, n]."""

    def image(self, coordinates: Tensor) -> Tensor:
        """Scores [P, S, C, n] of the examples."""

    def dot(self, a: Vector, b: Vector) -> Tensor:
        """Inner products [P, S, 1, 1] of the weights, biases left out."""

    def doubt(self, gradient: Vector, residual: Tensor) -> Tensor:
        """By how much rounding may have changed ``dot(gradient, gradient)``, [P, S, 1, 1]; residuals [P, S, C, n]."""

    def weights(self, coordinates: Tensor) -> Tensor:
        """Weights [P, S, C, d] in feature space."""

    def at(self, problems: Tensor) -> Span:
        """The same for some of the problems (positions)."""


class FeatureSpan:
    """Coordinates are the weights themselves."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.size = x, x.shape[2]

    def pull(self, residual: Tensor) -> Tensor:
        return _product(residual, self.x)

    def image(self, coordinates: Tensor) -> Tensor:
        return _product(coordinates, self.x.mT)

    def dot(self, a: Vector, b: Vector) -> Tensor:
        return dot(a.coordinates, b.coordinates)

    def doubt(self, gradient: Vector, residual: Tensor) -> Tensor:
        # each coordinate is a sum over the examples, rounded
        return (_ROUNDING * _eps(residual)) ** 2 * self.size * dot(residual, residual)

    def weights(self, coordinates: Tensor) -> Tensor:
        return coordinates

    def at(self, problems: Tensor) -> FeatureSpan:
        return FeatureSpan(self.x[problems])


class ExampleSpan:
    """Coordinates are coefficients on the examples, weights = coefficients X."""

    def __init__(self, x: Tensor, gram: Tensor | None = None) -> None:
        self.x, self.gram = x, product(x, x.mT) if gram is None else gram
        self.size = x.shape[1]

    def pull(self, residual: Tensor) -> Tensor:
        return residual

    def image(self, coordinates: Tensor) -> Tensor:
        return _product(coordinates, self.gram)

    def dot(self, a: Vector, b: Vector) -> Tensor:
        return dot(a.coordinates, b.image)

    def doubt(self, gradient: Vector, residual: Tensor) -> Tensor:
        # where examples depend on each other, coefficients that are not small cancel in the product
        largest = self.gram.diagonal(dim1=1, dim2=2).amax(1)[:, None, None, None]
        return 64 * _eps(residual) * largest * dot(gradient.coordinates, gradient.coordinates)

    def weights(self, coordinates: Tensor) -> Tensor:
        return _product(coordinates, self.x)

    def at(self, problems: Tensor) -> ExampleSpan:
        return ExampleSpan(self.x[problems], self.gram[problems])


def _eps(x: Tensor) -> float:
    return torch.finfo(x.dtype).eps


def span_of(x: Tensor) -> Span:
    """The cheaper of the two for features x [P, n, d]."""
    return ExampleSpan(x) if x.shape[1] <= x.shape[2] else FeatureSpan(x)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Sum of a * b over classes and coordinates or examples: [P, S, C, k] -> [P, S, 1, 1]."""
    return (a * b).sum((2, 3), keepdim=True)


def product(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products [P, i, k] x [P, k, j] -> [P, i, j]: the only ones that fitting a head takes."""
    return a @ b


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    # one wide product for all strengths and classes of a problem: several times faster than one product each
    return product(rows.flatten(1, 2), matrix).unflatten(1, rows.shape[1:3])
