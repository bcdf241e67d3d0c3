"""Named stages in forward order, and fine-tuning from one of them on."""

import pytest
import torch

from advtransfer.models.deep.build import build
from advtransfer.models.deep.stages import freeze_before, stages
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


@pytest.mark.parametrize(("name", "kwargs", "expected"), CASES)
@pytest.mark.parametrize("first", [0, 1, -1])
def test_freezing_keeps_the_gradients_of_later_stages_and_of_the_head(name, kwargs, expected, first):
    model = made(name, **kwargs)
    first %= len(expected) + 1  # -1: the head alone
    model.requires_grad_(False)  # what was frozen before must not matter
    freeze_before(model, first)
    for number, (_, module) in enumerate(stages(model)):
        assert all(p.requires_grad == (number >= first) for p in module.parameters())
    assert all(p.requires_grad for p in model.head.parameters())
    learning = {key for key, p in model.named_parameters() if p.requires_grad}
    assert ("body.pos_embed" in learning) == (first == 0 and "vit" in name)
    assert all(p.requires_grad for p in model.parameters()) == (first == 0)


@pytest.mark.parametrize("first", [-1, 5])
def test_a_stage_that_does_not_exist_is_refused(first):
    with pytest.raises(IndexError, match="of 4: stem, layer1"):
        freeze_before(made("small_cnn"), first)
