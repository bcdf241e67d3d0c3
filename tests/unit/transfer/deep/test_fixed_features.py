"""Features are those of one fixed network: eval mode, nothing changed, no image influenced by another."""

import pytest
import torch
from small_network import SmallNetwork, images, used
from torch import nn

from advtransfer.data.natural.augment import to_unit
from advtransfer.transfer.deep.features import extract, frozen
from advtransfer.transfer.deep.standardise import Standardiser


@pytest.fixture
def network():
    return used(SmallNetwork())


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_they_are_the_features_of_eval_mode_whatever_the_batches(network):
    x, _ = images(50)
    found = [extract(network.train(), x, batch_size=size) for size in (1, 7, 50, 64)]
    with torch.no_grad():
        expected = network.eval().features(x.float() / 255)
    for features in found:
        assert features.shape == (50, 12) and features.dtype == torch.float32
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)


def test_nothing_of_the_network_changes_not_even_its_mode(network):
    network.train()
    network.middle.eval()
    network.stem.requires_grad_(False)
    before, modes = state(network), {m: m.training for m in network.modules()}
    wanted = [p.requires_grad for p in network.parameters()]
    extract(network, images(20)[0], batch_size=8)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert {m: m.training for m in network.modules()} == modes
    assert [p.requires_grad for p in network.parameters()] == wanted


def test_a_head_can_be_trained_on_them(network):
    features = extract(network, images(20)[0], batch_size=8)
    head = nn.Linear(12, 4)
    head(features).sum().backward()  # refused by autograd for tensors of inference mode
    assert head.weight.grad is not None


def test_a_network_that_does_not_stay_fixed_is_refused(network):
    """The bug of a peer: "fixed" features taken in train mode, while BatchNorm's statistics move on."""
    message = r"changed while it should stay fixed: buffers stem\.1\.running_mean"
    with pytest.raises(RuntimeError, match=message), frozen(network):
        network.stem.train()
        network(torch.rand(8, 1, 8, 8))


def test_features_that_depend_on_the_batch_are_refused():
    network = SmallNetwork()
    network.stem[1] = nn.BatchNorm2d(
        6, track_running_stats=False
    )  # takes the batch's own statistics in eval mode
    with pytest.raises(RuntimeError, match="depend on the other images"):
        extract(network, images(20)[0], batch_size=8)


def test_an_error_inside_is_not_hidden_by_the_check(network):
    with pytest.raises(ZeroDivisionError), frozen(network):
        network.train()(torch.rand(4, 1, 8, 8))
        raise ZeroDivisionError
    assert network.training


def test_images_of_another_type_are_refused(network):
    with pytest.raises(ValueError, match=r"must be uint8, found torch\.float32"):
        extract(network, torch.rand(3, 1, 8, 8), batch_size=8)
    assert to_unit(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0.0, 0.2, 1.0])


# -- standardised features ---------------------------------------------------------------------------------------------


def test_the_pool_has_mean_0_and_variance_1_and_other_images_its_scale():
    pool, test = 3 * torch.randn(500, 4) + torch.tensor([0.0, 1e3, -5.0, 2.0]), torch.randn(10, 4)
    standardise = Standardiser.of(pool)
    torch.testing.assert_close(standardise(pool).mean(0), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(standardise(pool).var(0, correction=0), torch.ones(4), rtol=1e-4, atol=1e-4)
    expected = (test.double() - pool.double().mean(0)) / pool.double().std(0, correction=0)
    torch.testing.assert_close(standardise(test).double(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, -12345.678])
def test_a_constant_feature_becomes_0_instead_of_noise(value):
    pool = torch.full((1001, 1), value)
    assert Standardiser.of(pool)(pool).abs().max() < 1e-2
