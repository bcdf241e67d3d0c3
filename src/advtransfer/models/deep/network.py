"""The one face of every image network: pixels in, features or scores out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Body:
    """What turns normalised images [B, C, H, W] into pooled features [B, ``width``]."""

    module: nn.Module
    width: int
    stages: tuple[str, ...]  # names of submodules in forward order


class Network(nn.Module):
    """A body that turns normalised images into features, and a linear head on top.

    Images are float [B, C, H, W] in [0, 1] everywhere outside: mean and standard deviation of the channels are
    buffers in here, so an attack's eps is in units of pixels and the weights on disk hold the whole function.
    ``head`` maps the features to scores [B, classes].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: Body, classes: int, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.body = body.module
        self.stages = body.stages
        self.head = nn.Linear(body.width, classes)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def features(self, x: Tensor) -> Tensor:
        """The representation of images x [B, C, H, W] in [0, 1]: [B, d]."""
        return self.body((x - self.mean) / self.std)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [B, classes] of images x [B, C, H, W] in [0, 1]."""
        return self.head(self.features(x))


class Trunk(nn.Sequential):
    """Named stages one after the other, then the mean over the pixels: [B, C, H, W] -> [B, d]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean((2, 3))


def trunk(stages: Mapping[str, nn.Module], width: int) -> Body:
    """A body of these stages, whose last one has ``width`` channels."""
    return Body(Trunk(OrderedDict(stages)), width, tuple(stages))
