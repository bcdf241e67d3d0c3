"""Any network of timm by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from advtransfer.models.deep.network import Body

TRUNKS = ("blocks", "stages", "layers", "features")  # timm's names for a container of stages


def timm_body(name: str, *, channels: int, image_size: int, **kwargs: Any) -> Body:
    """timm's network without its classifier.

    ``kwargs`` go to the network's constructor; networks of a fixed input size (vision transformers) are built for
    ``image_size``. ImportError without timm, ValueError for a name it does not know.
    """
    try:
        import timm
    except ImportError as error:
        raise ImportError(f"the model timm:{name} needs the package timm, which is not installed") from error
    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:5]
        raise ValueError(
            f"timm has no model {name!r}" + (f"; names like it: {', '.join(near)}" if near else "")
        )
    known = timm.models.get_pretrained_cfg(name)
    if known is not None and known.fixed_input_size:
        kwargs = {"img_size": image_size} | kwargs
    body = timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels, **kwargs)
    names = _stage_names(body)
    width, order = _dry_run(body, names, torch.zeros(1, channels, image_size, image_size))
    return Body(body, width, tuple(order))


def _stage_names(body: nn.Module) -> list[str]:
    """The children that hold parameters; those of a trunk in its place."""
    names: list[str] = []
    for name, child in body.named_children():
        inner = [f"{name}.{key}" for key, _ in child.named_children()] if name in TRUNKS else [name]
        names += [key for key in inner if any(True for _ in body.get_submodule(key).parameters())]
    return names


@torch.no_grad()
def _dry_run(body: nn.Module, names: list[str], x: Tensor) -> tuple[int, list[str]]:
    """Number of features, and the names in the order in which a forward pass enters them.

    Measured, because the attribute for the one and the order of definition differ from family to family.
    """
    entered: list[str] = []
    hooks = [
        body.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: entered.append(name))
        for name in names
    ]
    features = body.eval()(x)
    body.train()
    for hook in hooks:
        hook.remove()
    return features.shape[1], list(dict.fromkeys(entered))
