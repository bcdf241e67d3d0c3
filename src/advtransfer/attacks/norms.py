"""The three things in which the l2 and linf attacks differ: random start, steepest step, projection.

Tensors are [*batch, *event]; the trailing ``event`` dimensions are one example.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from advtransfer.seeding import Streams

_TINY = 1e-12


class Norm(Protocol):
    """A ball of radius eps around each example."""

    @staticmethod
    def random(streams: Streams, shape: tuple[int, ...], events: int) -> Tensor:
        """A point of the unit ball, uniform in volume; ``shape`` is the shape behind the replica axis."""

    @staticmethod
    def steepest(gradient: Tensor, events: int) -> Tensor:
        """The direction of unit norm along which the loss grows fastest."""

    @staticmethod
    def project(delta: Tensor, eps: float, events: int) -> Tensor:
        """The nearest point of the ball of radius ``eps``."""


def _length(x: Tensor, events: int) -> Tensor:
    return torch.linalg.vector_norm(x, dim=tuple(range(-events, 0)), keepdim=True)


class L2:
    """Euclidean ball."""

    @staticmethod
    def random(streams: Streams, shape: tuple[int, ...], events: int) -> Tensor:
        batch, event = shape[:-events], shape[-events:]
        direction = L2.steepest(streams.normal(*shape), events)
        radius = streams.uniform(*batch, *(1,) * events)
        return direction * radius ** (1.0 / torch.Size(event).numel())

    @staticmethod
    def steepest(gradient: Tensor, events: int) -> Tensor:
        # scaled first: a confident model's gradient is so small that its squares would underflow
        largest = gradient.abs().amax(tuple(range(-events, 0)), keepdim=True)
        scaled = gradient / largest.clamp_min(torch.finfo(gradient.dtype).tiny)
        return scaled / _length(scaled, events).clamp_min(_TINY)

    @staticmethod
    def project(delta: Tensor, eps: float, events: int) -> Tensor:
        return delta * (eps / _length(delta, events).clamp_min(_TINY)).clamp_max(1.0)


class Linf:
    """Maximum-norm ball."""

    @staticmethod
    def random(streams: Streams, shape: tuple[int, ...], events: int) -> Tensor:
        return 2.0 * streams.uniform(*shape) - 1.0

    @staticmethod
    def steepest(gradient: Tensor, events: int) -> Tensor:
        return gradient.sign()

    @staticmethod
    def project(delta: Tensor, eps: float, events: int) -> Tensor:
        return delta.clamp(-eps, eps)


NORMS: dict[str, type[Norm]] = {"l2": L2, "linf": Linf}
