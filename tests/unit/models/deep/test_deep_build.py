"""Networks by name: one face, pixels in [0, 1], initialised from a stream."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from advtransfer.models.deep.build import build
from advtransfer.models.deep.storage import load_weights, save_weights
from advtransfer.seeding import stream

CASES = [
    ("small_cnn", {}),
    ("small_cnn", {"norm": "group"}),
    ("resnet18", {}),
    ("resnet50", {}),
    ("wide_resnet", {"depth": 10, "width": 2}),
    ("wide_resnet", {"depth": 16, "width": 1, "dropout": 0.3, "norm": "group"}),
    ("timm:resnet10t", {}),
    ("timm:vit_tiny_patch16_224", {"patch_size": 16, "depth": 2}),
]
NAMES = [name for name, _ in CASES]


def made(name="small_cnn", classes=7, size=32, seed=0, **kwargs):
    return build(name, classes, image_size=size, rng=stream(seed, "init"), **kwargs)


def pixels(count=2, size=32, channels=3):
    return torch.from_numpy(np.random.default_rng(0).random((count, channels, size, size), dtype=np.float32))


@pytest.mark.parametrize(("name", "kwargs"), CASES)
@pytest.mark.parametrize("size", [32, 64])
def test_every_network_has_the_same_face(name, kwargs, size):
    model, x = made(name, size=size, **kwargs), pixels(size=size)
    assert model.training and all(module.training for module in model.modules())
    model.eval()
    features, scores = model.features(x), model(x)
    assert isinstance(model.head, nn.Linear)
    assert features.shape == (2, model.head.in_features) and scores.shape == (2, 7)
    torch.testing.assert_close(scores, model.head(features))
    assert scores.dtype == torch.float32 and (scores[0] != scores[1]).any()


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_the_stream_decides_the_weights(name, kwargs):
    one, same, other = (made(name, seed=seed, **kwargs).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])
    differing = [key for key in one if not torch.equal(one[key], other[key])]
    assert sum(one[key].numel() for key in differing) > 0.9 * sum(p.numel() for p in one.values())


@pytest.mark.parametrize("name", ["small_cnn", "resnet18", "timm:resnet10t"])
def test_building_leaves_the_global_random_state_alone(name):
    before = torch.get_rng_state()
    made(name)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_model_normalises_the_pixels_itself():
    x = pixels()
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]
    model = made(mean=mean, std=std).eval()
    shown = (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(model.features(x), model.body(shown))
    neutral = made(mean=[0.0] * 3, std=[1.0] * 3).eval()
    torch.testing.assert_close(model(x), neutral(shown))
    assert {"mean", "std"} <= model.state_dict().keys()
    assert not {"mean", "std"} & {name for name, _ in model.named_parameters()}


def test_the_number_of_channels_is_that_of_the_mean():
    assert made(mean=[0.5], std=[0.25])(pixels(channels=1)).shape == (2, 7)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_sizes_are_those_of_the_papers():
    assert 90_000 < count(made("small_cnn", classes=10)) < 110_000
    # ResNet-18 for CIFAR has 11.17 million parameters, ResNet-50 23.5, WRN-28-10 36.5, WRN-16-4 2.7
    assert count(made("resnet18", classes=10)) == 11_173_962
    assert count(made("resnet50", classes=10)) == 23_520_842
    assert count(made("wide_resnet", classes=10)) == 36_479_194
    assert count(made("wide_resnet", classes=10, depth=16, width=4)) == 2_748_890


@pytest.mark.parametrize("name", ["small_cnn", "resnet18", "wide_resnet"])
@pytest.mark.parametrize(("size", "positions"), [(28, 28), (32, 32), (64, 32), (96, 24), (224, 56)])
def test_the_stem_suits_the_size_of_the_images(name, size, positions):
    kwargs = {"depth": 10, "width": 1} if name == "wide_resnet" else {}
    stem = made(name, size=size, **kwargs).body.stem.eval()
    assert stem(pixels(1, size)).shape[-2:] == (positions, positions)


def test_a_wide_resnet_is_the_papers_computation():
    model = made("wide_resnet", depth=10, width=2).eval()
    x = pixels()
    for module in model.modules():  # statistics other than 0 and 1, so that their use shows
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    f = nn.functional
    out = f.conv2d((x - model.mean) / model.std, model.body.stem[0].weight, padding=1)
    for layer, stride in ((model.body.layer1, 1), (model.body.layer2, 2), (model.body.layer3, 2)):
        (block,) = layer
        active = f.relu(block.norm1(out))
        hidden = f.relu(block.norm2(f.conv2d(active, block.conv1.weight, stride=stride, padding=1)))
        shortcut = f.conv2d(active, block.shortcut.weight, stride=stride)
        out = shortcut + f.conv2d(hidden, block.conv2.weight, padding=1)
    out = f.relu(model.body.norm[0](out)).mean((2, 3))
    torch.testing.assert_close(model.features(x), out, rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_train_mode_only():
    model, x = made("wide_resnet", depth=10, width=1, dropout=0.5, norm="group"), pixels()
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_group_norm_has_no_statistics_across_examples():
    model, x = made("resnet18", norm="group"), pixels(3)
    torch.testing.assert_close(model(x)[:1], model(x[:1]), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize(
    ("name", "kwargs", "said"),
    [
        ("resnet", {}, "expected one of small_cnn, resnet18"),
        ("timm:resnet_18", {}, "timm has no model 'resnet_18'"),
        ("timm:resnet1", {}, "names like it: .*resnet10"),
        ("wide_resnet", {"depth": 27}, "depth of a wide ResNet is 27"),
        ("resnet18", {"norm": "layer"}, "norm is 'layer'"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(name, kwargs, said):
    with pytest.raises(ValueError, match=said) as error:
        made(name, **kwargs)
    assert "\n" not in str(error.value)


def test_only_timms_networks_need_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    made("resnet18"), made("small_cnn"), made("wide_resnet", depth=10, width=1)
    with pytest.raises(ImportError, match="timm:resnet10t needs the package timm"):
        made("timm:resnet10t")


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_a_file_holds_the_whole_function(tmp_path, name, kwargs):
    model, x = made(name, **kwargs), pixels(4)
    with torch.no_grad():
        model(x)  # moves BatchNorm's statistics
    save_weights(tmp_path / "a.safetensors", model)
    other = made(name, seed=9, mean=[0.0] * 3, std=[1.0] * 3, **kwargs)
    load_weights(tmp_path / "a.safetensors", other)
    assert torch.equal(model.eval()(x), other.eval()(x))


def test_equal_weights_are_equal_bytes_in_every_memory_format(tmp_path):
    save_weights(tmp_path / "a", made("resnet18"))
    save_weights(tmp_path / "b", made("resnet18").to(memory_format=torch.channels_last))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("other", [{"classes": 8}, {"norm": "group"}])
def test_another_networks_file_is_refused(tmp_path, other):
    save_weights(tmp_path / "a", made())
    with pytest.raises(ValueError, match="does not hold the weights of this model"):
        load_weights(tmp_path / "a", made(**other))
