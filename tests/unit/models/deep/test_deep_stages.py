"""Named stages in forward order."""

import pytest
import torch

from advtransfer.models.deep.build import build
from advtransfer.models.deep.stages import stages
from advtransfer.seeding import stream

LAYERS = ["layer1", "layer2", "layer3"]
CASES = [
    ("small_cnn", {}, ["stem", *LAYERS]),
    ("resnet18", {}, ["stem", *LAYERS, "layer4"]),
    ("wide_resnet", {"depth": 10, "width": 1}, ["stem", *LAYERS, "norm"]),
    ("timm:resnet10t", {}, ["conv1", "bn1", *LAYERS, "layer4"]),
    (
        "timm:vit_tiny_patch16_224",
        {"patch_size": 16, "depth": 3},
        ["patch_embed", "blocks.0", "blocks.1", "blocks.2", "norm"],
    ),
    ("timm:convnext_atto", {}, ["stem", "stages.0", "stages.1", "stages.2", "stages.3", "head"]),
]


def made(name, **kwargs):
    return build(name, 5, image_size=64, rng=stream(0, "init"), **kwargs)


@pytest.mark.parametrize(("name", "kwargs", "expected"), CASES)
def test_stages_come_in_the_order_of_a_forward_pass(name, kwargs, expected):
    model, entered = made(name, **kwargs).eval(), []
    found = stages(model)
    assert [stage for stage, _ in found] == expected
    for stage, module in found:
        module.register_forward_hook(lambda *_, stage=stage: entered.append(stage))
    model(torch.rand(1, 3, 64, 64))
    assert entered == expected


@pytest.mark.parametrize(("name", "kwargs", "expected"), CASES)
def test_stages_hold_every_weight_once(name, kwargs, expected):
    model = made(name, **kwargs)
    inside = [id(p) for _, module in stages(model) for p in module.parameters()]
    assert len(inside) == len(set(inside))
    outside = {key for key, p in model.named_parameters() if id(p) not in inside}
    extra = {"body.pos_embed", "body.cls_token"} if "vit" in name else set()
    assert outside == {"head.weight", "head.bias"} | extra
