"""Wide residual networks (Zagoruyko and Komodakis 2016): WRN-28-10 is depth 28, width 10."""

from __future__ import annotations

from torch import Tensor, nn

from advtransfer.models.deep.layers import Norm, norm_layer, stem
from advtransfer.models.deep.network import Body, trunk


class Block(nn.Module):
    """Pre-activation block: twice norm, ReLU, 3x3 convolution, beside a shortcut."""

    def __init__(self, wide: int, width: int, stride: int, dropout: float, norm: Norm) -> None:
        super().__init__()
        self.norm1 = norm(wide)
        self.conv1 = nn.Conv2d(wide, width, 3, stride=stride, padding=1, bias=False)
        self.norm2 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        same = wide == width and stride == 1
        self.shortcut = None if same else nn.Conv2d(wide, width, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, wide, H, W] -> [B, width, H/stride, W/stride]."""
        active = self.relu(self.norm1(x))
        # where the shape changes the shortcut starts behind the activation, as in the paper's own code
        shortcut = x if self.shortcut is None else self.shortcut(active)
        return shortcut + self.conv2(self.dropout(self.relu(self.norm2(self.conv1(active)))))


def wide_resnet(
    *,
    channels: int,
    image_size: int,
    depth: int = 28,
    width: int = 10,
    dropout: float = 0.0,
    norm: str = "batch",
) -> Body:
    """64 * ``width`` features; ``depth`` is 6 n + 4, n blocks in each of the three stages.

    Stages are stem, layer1 .. layer3, norm. ValueError for another depth.
    """
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f"depth of a wide ResNet is {depth}; expected 6 n + 4, at least 10")
    normalise = norm_layer(norm)
    convolution, pooling = stem(channels, 16, image_size)
    stages = {"stem": nn.Sequential(convolution, *pooling)}
    wide = 16
    for i, (planes, stride) in enumerate(zip((16, 32, 64), (1, 2, 2), strict=True), 1):
        blocks = []
        for j in range((depth - 4) // 6):
            blocks.append(Block(wide, planes * width, stride if j == 0 else 1, dropout, normalise))
            wide = planes * width
        stages[f"layer{i}"] = nn.Sequential(*blocks)
    stages["norm"] = nn.Sequential(normalise(wide), nn.ReLU(inplace=True))
    body = trunk(stages, wide)
    for module in body.module.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return body
