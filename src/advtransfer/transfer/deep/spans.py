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

    def strengths(self, kept: Tensor) -> Vector:
        """The vectors of the strengths ``kept`` (positions)."""
        return Vector(*(part[:, kept] for part in self))


class Span(Protocol):
    """Coordinates of weights, for P problems of n examples each."""

    size: int  # m, the number of coordinates

    def pull(self, residual: Tensor) -> Tensor:
        """Coordinates [P, S, C, m] of ``residual^T X``, for residuals [P, S, C, n]."""

    def image(self, coordinates: Tensor) -> Tensor:
        """Scores [P, S, C, n] of the examples."""

    def dot(self, a: Vector, b: Vector) -> Tensor:
        """Inner products [P, S, 1, 1] of the weights, biases left out."""

    def weights(self, coordinates: Tensor) -> Tensor:
        """Weights [P, S, C, d] in feature space."""


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

    def weights(self, coordinates: Tensor) -> Tensor:
        return coordinates


class ExampleSpan:
    """Coordinates are coefficients on the examples, weights = coefficients X."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.gram, self.size = x, x @ x.mT, x.shape[1]

    def pull(self, residual: Tensor) -> Tensor:
        return residual

    def image(self, coordinates: Tensor) -> Tensor:
        return _product(coordinates, self.gram)

    def dot(self, a: Vector, b: Vector) -> Tensor:
        return dot(a.coordinates, b.image)

    def weights(self, coordinates: Tensor) -> Tensor:
        return _product(coordinates, self.x)


def span_of(x: Tensor) -> Span:
    """The cheaper of the two for features x [P, n, d]."""
    return ExampleSpan(x) if x.shape[1] <= x.shape[2] else FeatureSpan(x)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Sum of a * b over classes and coordinates or examples: [P, S, C, k] -> [P, S, 1, 1]."""
    return (a * b).sum((2, 3), keepdim=True)


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    # one wide product for all strengths and classes of a problem: several times faster than one product each
    return (rows.flatten(1, 2) @ matrix).unflatten(1, rows.shape[1:3])
