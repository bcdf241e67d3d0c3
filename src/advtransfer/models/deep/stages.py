"""The stages of a network in forward order: where to probe it, and from where on to fine-tune it."""

from __future__ import annotations

from torch import nn

from advtransfer.models.deep.network import Network


def stages(model: Network) -> list[tuple[str, nn.Module]]:
    """(name, module) in the order of a forward pass, without the head.

    stem, layer1, .. for our networks; for timm's the children that hold parameters, where a container of stages (a
    transformer's ``blocks``) stands for its members. What a forward hook on one of them sees is what a probe of that
    layer sees.
    """
    return [(name, model.body.get_submodule(name)) for name in model.stages]
