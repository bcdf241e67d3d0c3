"""Domain shifts: what makes the target (or the source) look different, as a list of small operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from advtransfer.seeding import Streams


def contrast(x: Tensor, streams: Streams, shape: Sequence[int], *, gain: float, offset: float) -> Tensor:
    """gain * x + offset."""
    return gain * x + offset


def noise(x: Tensor, streams: Streams, shape: Sequence[int], *, sigma: float) -> Tensor:
    """Gaussian noise, drawn once per replica and image."""
    return x + sigma * streams.normal(*x.shape[1:])


def rotation(x: Tensor, streams: Streams, shape: Sequence[int], *, degrees: float) -> Tensor:
    """Counter-clockwise rotation about the centre, bilinear, zeros outside."""
    angle = math.radians(degrees)
    turn = [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]]
    images = x.reshape(1, -1, *shape[:2])
    grid = torch.nn.functional.affine_grid(torch.tensor([turn]), list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False).reshape(x.shape)


OPERATIONS: dict[str, Callable[..., Tensor]] = {"contrast": contrast, "noise": noise, "rotation": rotation}


def apply_shift(
    x: Tensor,
    shift: Sequence[Mapping[str, Mapping[str, Any]]],
    *,
    shape: Sequence[int],
    seed: int,
    replicas: Sequence[int],
    domain: str,
) -> Tensor:
    """Applies ``shift`` (a list of {operation: arguments}) in order.

    Args:
        x: intensities [R, N, pixels]; every replica holds all N images of the data set in the same order, so an
            image's noise does not depend on the split.
        shape: (height, width) of an image.
        seed, replicas, domain: name the random streams.
    """
    for position, step in enumerate(shift):
        for name, arguments in step.items():
            streams = Streams.of(seed, replicas, "shift", domain, position)
            x = OPERATIONS[name](x, streams, shape, **arguments)
    return x
