"""ResNets (He et al. 2016) with torchvision's blocks and initialisation, and stems for small images."""

from __future__ import annotations

from torch import nn

from advtransfer.models.deep.layers import norm_layer, stem
from advtransfer.models.deep.network import Body, trunk


def resnet(name: str, *, channels: int, image_size: int, norm: str = "batch") -> Body:
    """The body of torchvision's ``name`` (resnet18, resnet50, ..).

    Stages are stem, layer1 .. layer4; only the stem depends on the size of the images (see ``layers``).
    """
    from torchvision import models  # a second of imports that other networks need not pay

    net = models.get_model(name, weights=None, norm_layer=norm_layer(norm))
    convolution, pooling = stem(channels, net.conv1.out_channels, image_size)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    stages = {"stem": nn.Sequential(convolution, net.bn1, net.relu, *pooling)}
    stages |= {name: getattr(net, name) for name in ("layer1", "layer2", "layer3", "layer4")}
    return trunk(stages, net.fc.in_features)
