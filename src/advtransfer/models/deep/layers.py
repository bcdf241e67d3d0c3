"""What the convolutional networks share: normalisation layers, and stems that fit the size of the images."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

Norm = Callable[[int], nn.Module]
TINY_IMAGE, SMALL_IMAGE = 32, 64  # pixels along a side, up to which ``stem`` is another


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm (Wu and He 2018) of at most 16 groups: no statistics across examples, nothing to synchronise."""
    return nn.GroupNorm(math.gcd(channels, 16), channels)


NORMS: dict[str, Norm] = {"batch": nn.BatchNorm2d, "group": group_norm}


def norm_layer(name: str) -> Norm:
    """The constructor of a normalisation layer; ValueError for another name than batch or group."""
    if name not in NORMS:
        raise ValueError(f"norm is {name!r}; expected one of {', '.join(NORMS)}")
    return NORMS[name]


def stem(channels: int, width: int, image_size: int) -> tuple[nn.Conv2d, list[nn.Module]]:
    """The first convolution, and the pooling that follows the first activation.

    Images of at most 32 pixels: 3x3 of stride 1, no pooling. At most 64: 3x3 of stride 2, no pooling, so the first
    stage sees 32x32 positions here too and costs the same (and the gradient of a max-pool, which a GPU sums in no
    fixed order, is not needed). Larger: ImageNet's 7x7 of stride 2 and max-pool of stride 2.
    """
    if image_size <= SMALL_IMAGE:
        stride = 1 if image_size <= TINY_IMAGE else 2
        return nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False), []
    pooling = nn.MaxPool2d(3, stride=2, padding=1)
    return nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False), [pooling]
