"""From stored images to what an objective learns from: augmentation and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.natural.augment import to_unit
from advtransfer.objectives.deep.batch import Batch
from advtransfer.training.deep.randomness import Randomness

Augment = Callable[[Tensor, np.random.Generator], Tensor]


class Images(Protocol):
    """A step's images as they are stored, on the device that trains."""

    @property
    def x(self) -> Tensor:
        """uint8 [B, C, H, W]."""

    @property
    def y(self) -> Tensor:
        """Labels, int64 [B]."""

    @property
    def index(self) -> Tensor:
        """Positions in the data set, int64 [B]."""


def unchanged(x: Tensor, rng: np.random.Generator) -> Tensor:
    """No augmentation: uint8 [B, C, H, W] -> float32 in [0, 1]."""
    return to_unit(x)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How images become a batch; tensors are looked up at the images' positions and lie on their device.

    augment: (uint8 [B, C, H, W], generator) -> float32 in [0, 1]. targets: labels that replace those of the images,
    int64 [N] or probabilities float32 [N, K].
    """

    augment: Augment = unchanged
    targets: Tensor | None = None

    def __call__(
        self,
        images: Images,
        rows: slice,
        randomness: Randomness,
        step: int,
        part: int,
        layout: torch.memory_format,
    ) -> Batch:
        """The part of a step's images that ``rows`` are, with random numbers of that step and part."""
        x, index = images.x[rows], images.index[rows]
        pixels = self.augment(x, randomness.generator("augment", step, part))
        return Batch(
            x=pixels.contiguous(memory_format=layout),
            y=images.y[rows] if self.targets is None else self.targets[index],
            streams=randomness.streams(x.device, "perturbation", step, part),
            part=part,
        )
