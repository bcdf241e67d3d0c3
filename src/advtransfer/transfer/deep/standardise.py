"""Features of mean 0 and variance 1, so that one l2 strength means the same for every representation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_CONSTANT = 1e-6  # a deviation below this share of the size is float32's rounding of a constant


@dataclass(frozen=True)
class Standardiser:
    """``mean`` and ``scale`` [d] of the features of the training pool; no test image may have a part in them."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, pool: Tensor) -> Standardiser:
        """From features [N, d]; a constant feature keeps scale 1 and so becomes 0."""
        scale, mean = torch.std_mean(pool, dim=0, correction=0)
        size = pool.abs().amax(0)
        return cls(mean=mean, scale=torch.where(scale > _CONSTANT * size, scale, 1.0))

    def __call__(self, x: Tensor) -> Tensor:
        """Standardised features, [..., d] -> [..., d]."""
        return (x - self.mean) / self.scale
