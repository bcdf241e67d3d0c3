"""What no image has room for, and what no network may be told, is refused in one line, before anything runs."""

import copy
import inspect
from functools import partial

import pytest
import yaml
from change import change

from advtransfer.params import ParamsError
from advtransfer.params.networks import OWN, check_arguments

NATURAL = yaml.safe_load("""
default_studies: [one]
datasets:
  birds: {folder: {path: birds}, resolution: 32}
studies:
  one:
    kind: natural_image
    title: One
    seed: 1
    replicas: 2
    source: {dataset: birds, labelled_fraction: 0.5}
    targets: {birds: {dataset: birds}}
    model: {name: small_cnn, arguments: {norm: group}}
    training: {updates: 10, batch_size: 8, learning_rate: 0.1, augmentation: {}}
    variants:
      clean: {labels: labelled}
      attack: {labels: labelled, perturbation: {attack: {norm: linf, eps: 1.0, steps: 1}}}
      wide: {labels: labelled, perturbation: {attack: {norm: l2, eps: 55.0, steps: 10, relative_step: 25.0}}}
      fgsm: {labels: labelled, perturbation: {fgsm: {eps: 8/255}}}
      free: {labels: labelled, perturbation: {free: {eps: 0.03, replays: 2}}}
      trades: {labels: labelled, perturbation: {trades: {norm: linf, eps: 0.03, steps: 2, beta: 6.0}}}
      noise: {labels: labelled, perturbation: {gaussian: {sigma: 1.0}}}
    transfer: {draws: 1, linear: {shots: [1]}, robust: {shots: 1, images: 10, norm: linf, eps: 4/255}}
""")
ONE, OF = "studies.one.", "studies.one.variants."
CUBE = "(intensities lie in 0..1)"
FAR = f"at most 1, the linf distance of the farthest images {CUBE}; did you mean 8/255, which is 0.03137?"


@pytest.fixture
def natural():
    return copy.deepcopy(NATURAL)


def test_what_just_fits_is_accepted(natural, load):
    assert load(natural).studies["one"].variants["attack"].perturbation.attack.eps == 1.0


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (OF + "attack.perturbation.attack.eps", 8, f"found 8, expected {FAR}"),
        (OF + "attack.perturbation.attack.eps", 8.0, f"found 8, expected {FAR}"),
        (OF + "attack.perturbation.attack.eps", "8", f"found 8, expected {FAR}"),
        (OF + "fgsm.perturbation.fgsm.eps", 8, f"found 8, expected {FAR}"),
        (OF + "free.perturbation.free.eps", 8, f"found 8, expected {FAR}"),
        (OF + "trades.perturbation.trades.eps", 8, f"found 8, expected {FAR}"),
        (ONE + "transfer.robust.eps", 8, f"found 8, expected {FAR}"),
        (
            OF + "wide.perturbation.attack.eps",
            128,
            f"found 128, expected at most 55.43, the l2 distance of the farthest images {CUBE}; "
            "did you mean 128/255, which is 0.502?",
        ),
        (
            OF + "wide.perturbation.attack.eps",
            1e5,
            f"found 100000, expected at most 55.43, the l2 distance of the farthest images {CUBE}",
        ),
        (
            OF + "noise.perturbation.gaussian.sigma",
            16,
            f"found 16, expected at most 1, the range of a pixel {CUBE}; did you mean 16/255, which is 0.06275?",
        ),
        (
            OF + "wide.perturbation.attack.relative_step",
            2 / 255,
            "found 0.00784314, expected 0.1 to 25 with 10 steps: a multiple of eps / steps, not a length in units of "
            "intensity",
        ),
        (
            OF + "trades.perturbation.trades.relative_step",
            100.0,
            "found 100, expected 0.1 to 5 with 2 steps: a multiple of eps / steps, not a length in units of intensity",
        ),
        (ONE + "training.augmentation.padding", 32, "found 32, expected below 32, the side of the images"),
        (ONE + "training.augmentation.cutout", 40, "found 40, expected below 32, the side of the images"),
    ],
)  # fmt: skip
def test_natural_images(natural, load, key, value, expected):
    change(natural, key, value)
    with pytest.raises(ParamsError) as refused:
        load(natural)
    assert str(refused.value).endswith(
        f"params.yaml: {key}{'.' if ': found' in expected else ': '}{expected}"
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            OF + "attacked.perturbation.attack.eps",
            9.0,
            f"found 9, expected at most 8, the l2 distance of the farthest images {CUBE}; did you mean 9/255, *",
        ),
        (
            ONE + "transfer.robust.attack.eps",
            16.0,
            f"found 16, expected at most 1, the linf distance of the farthest images {CUBE}; did you mean 16/255, *",
        ),
        (
            OF + "noisy.perturbation.gaussian.sigma",
            2.0,
            f"found 2, expected at most 1, the range of a pixel {CUBE}*",
        ),
        (
            OF + "attacked.perturbation.attack.relative_step",
            0.01,
            "found 0.01, expected 0.1 to 12.5 with 5 steps: *",
        ),
        (ONE + "source.shift.0.noise.sigma", 16.0, "found 16.0, expected at most 1.0: standard deviation, *"),
    ],
)
def test_digits(document, load, key, value, expected):
    change(document, key, value)
    with pytest.raises(ParamsError) as refused:
        load(document)
    assert f"params.yaml: {key}: {expected.rstrip('*')}" in str(refused.value)


# -- networks ----------------------------------------------------------------------------------------------------------

WEIGHTS = "expected none that loads weights: they would come from outside of what the seals record"


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("timm:resnet18", {"pretrained": True}, f"arguments.pretrained: found True, {WEIGHTS}"),
        ("timm:vit", {"pretrained": False}, f"arguments.pretrained: found False, {WEIGHTS}"),
        ("timm:vit", {"checkpoint_path": "a"}, f"arguments.checkpoint_path: found 'a', {WEIGHTS}"),
        ("timm:vit", {"pretrained_cfg": "a"}, f"arguments.pretrained_cfg: found 'a', {WEIGHTS}"),
        ("timm:vit", {"cache_dir": "a"}, f"arguments.cache_dir: found 'a', {WEIGHTS}"),
        ("resnet18", {"weights": "DEFAULT"}, f"arguments.weights: found 'DEFAULT', {WEIGHTS}"),
        ("timm:vit", {"num_classes": 3}, "arguments.num_classes: found 3, expected other arguments"),
        ("small_cnn", {"depth": 3}, "arguments: found the name 'depth', expected one of norm, which"),
        ("resnet50", {"norm": "layer"}, "arguments.norm: found 'layer', expected batch or group"),
        ("wide_resnet", {"depth": 12}, "arguments.depth: found 12, expected 6 n + 4, at least 10"),
        ("wide_resnet", {"width": 0.5}, "arguments.width: found 0.5, expected a whole number"),
        ("wide_resnet", {"dropout": 1}, "arguments.dropout: found 1, expected a number in 0..1"),
    ],
)  # fmt: skip
def test_arguments_of_networks(natural, load, name, arguments, expected):
    natural["studies"]["one"]["model"] = {"name": name, "arguments": arguments}
    with pytest.raises(ParamsError) as refused:
        load(natural)
    assert f"params.yaml: studies.one.model.{expected}" in str(refused.value)


def test_the_arguments_that_are_known_are_those_of_the_networks():
    from advtransfer.models.deep.build import BODIES

    given = {"name", "channels", "image_size"}
    for name, body in BODIES.items():
        function = body.func if isinstance(body, partial) else body
        assert set(inspect.signature(function).parameters) - given == set(OWN[name])


def test_what_timm_may_be_told():
    check_arguments("timm:resnet18", {"drop_rate": 0.1, "global_pool": "avg", "zero_init_last": False})


@pytest.mark.parametrize("key", ["download", "root", "split", "train", "transform", "loader"])
def test_a_set_of_torchvision_is_not_told_where_it_lies_or_to_download(natural, load, key):
    natural["datasets"]["birds"] = {"torchvision": {"name": "CIFAR10", "options": {key: 1}}, "resolution": 32}
    with pytest.raises(
        ParamsError, match=f"datasets.birds.torchvision.options.{key}: found 1, expected other arguments"
    ):
        load(natural)
