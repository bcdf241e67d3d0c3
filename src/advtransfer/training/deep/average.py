"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """A second set of weights that follows the trained one: average <- d average + (1 - d) weights.

    d is ``decay``, but at update t at most (1 + t)/(10 + t), so that a short training forgets its start. Buffers of
    floating point (BatchNorm's running mean and variance) are averaged like the parameters: the statistics of the
    last batches would be those of other weights. Integer buffers (counts of batches) are copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay of the average is {decay}; expected at least 0 and below 1")
        self.decay = decay
        self._source = {name: t.detach() for name, t in model.state_dict().items()}
        self.weights = {name: t.clone() for name, t in self._source.items()}
        floats = [name for name, t in self.weights.items() if t.is_floating_point()]
        self._pairs = [self.weights[name] for name in floats], [self._source[name] for name in floats]
        self._copied = [name for name in self.weights if name not in floats]

    @torch.no_grad()
    def update(self, update: int) -> None:
        """Follows the model after its gradient step number ``update``."""
        decay = min(self.decay, (1 + update) / (10 + update))
        averages, values = self._pairs
        torch._foreach_lerp_(averages, values, 1 - decay)
        for name in self._copied:
            self.weights[name].copy_(self._source[name])

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over a set of weights."""
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])
