"""A network of about 100,000 parameters, for tests and for studies without a GPU."""

from __future__ import annotations

from torch import nn

from advtransfer.models.deep.layers import norm_layer, stem
from advtransfer.models.deep.network import Body, trunk

WIDTHS = (32, 48, 64, 96)


def small_cnn(*, channels: int, image_size: int, norm: str = "batch") -> Body:
    """Stem and three stages of one convolution of stride 2 each, 96 features."""
    normalise = norm_layer(norm)
    first, *rest = WIDTHS
    convolution, pooling = stem(channels, first, image_size)
    stages = {"stem": nn.Sequential(convolution, normalise(first), nn.ReLU(inplace=True), *pooling)}
    wide = first
    for i, width in enumerate(rest, 1):
        convolution = nn.Conv2d(wide, width, 3, stride=2, padding=1, bias=False)
        stages[f"layer{i}"] = nn.Sequential(convolution, normalise(width), nn.ReLU(inplace=True))
        wide = width
    return trunk(stages, wide)
