"""R stacked networks are R ordinary networks; their initialisation and their files."""

import numpy as np
import pytest
import torch

from advtransfer.models import mlp
from advtransfer.models.storage import load_parameters, save_parameters
from advtransfer.seeding import Streams

SIZES = (64, 128, 32, 10)


def initial(replicas=(0, 1, 2)):
    return mlp.initialise(SIZES, Streams.of(0, replicas, "init"))


def ordinary(parameters, replica):
    """The same network built of torch's own layers."""
    layers = []
    for i in range(mlp.depth(parameters)):
        weight, bias = parameters[f"weight_{i}"][replica], parameters[f"bias_{i}"][replica, 0]
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data, layer.bias.data = weight.T.contiguous(), bias
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def test_each_replica_is_an_ordinary_network():
    parameters = {name: p + 0.1 * torch.randn(p.shape) for name, p in initial().items()}
    x = torch.randn(3, 20, 64)
    for replica in range(3):
        network = ordinary(parameters, replica)
        torch.testing.assert_close(
            mlp.logits(parameters, x)[replica], network(x[replica]), rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(
            mlp.features(parameters, x)[replica], network[:-1](x[replica]), rtol=1e-4, atol=1e-4
        )


def test_shapes_and_depth():
    parameters = initial()
    assert mlp.depth(parameters) == 3
    assert {name: tuple(p.shape) for name, p in parameters.items()} == {
        "weight_0": (3, 64, 128),
        "bias_0": (3, 1, 128),
        "weight_1": (3, 128, 32),
        "bias_1": (3, 1, 32),
        "weight_2": (3, 32, 10),
        "bias_2": (3, 1, 10),
    }
    assert mlp.features(parameters, torch.rand(3, 5, 64)).shape == (3, 5, 32)
    assert mlp.features(parameters, torch.randn(3, 5, 64)).min() == 0
    assert mlp.logits(parameters, torch.rand(3, 5, 64)).shape == (3, 5, 10)


def test_initial_weights_have_variance_two_over_fan_in_and_biases_are_zero():
    for name, p in initial(range(20)).items():
        if name.startswith("bias"):
            assert (p == 0).all()
        else:
            assert p.var().item() == pytest.approx(2 / p.shape[1], rel=0.05)
            assert abs(p.mean().item()) < 0.01


def test_initialisation_keeps_the_size_of_the_signal():
    """What the variance is for (He et al. 2015): neither vanishing nor exploding through the layers."""
    parameters = mlp.initialise((200,) * 6, Streams.of(0, range(10), "init"))
    x = torch.randn(10, 50, 200)
    assert mlp.logits(parameters, x).square().mean().item() == pytest.approx(2.0, rel=0.3)


def test_initialisation_belongs_to_the_replica_not_to_its_company():
    alone, together = initial([7]), initial([3, 7, 5])
    assert all(torch.equal(alone[name][0], together[name][1]) for name in alone)
    assert not torch.equal(together["weight_0"][0], together["weight_0"][1])


def test_files_give_back_the_same_tensors_and_the_same_bytes(tmp_path):
    parameters = {name: p.requires_grad_(True) for name, p in initial().items()}
    save_parameters(tmp_path / "a", parameters)
    save_parameters(tmp_path / "b", dict(reversed(parameters.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = load_parameters(tmp_path / "a", torch.device("cpu"))
    assert back.keys() == parameters.keys()
    for name, p in parameters.items():
        assert back[name].dtype == torch.float32 and not back[name].requires_grad
        assert np.array_equal(back[name].numpy(), p.detach().numpy())


def test_views_are_stored_as_what_they_show(tmp_path):
    base = torch.arange(12.0).view(3, 4)
    save_parameters(tmp_path / "a", {"turned": base.T, "row": base[1]})
    back = load_parameters(tmp_path / "a", torch.device("cpu"))
    assert torch.equal(back["turned"], base.T) and torch.equal(back["row"], base[1])
