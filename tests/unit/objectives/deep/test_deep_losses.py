"""Losses of each example against their formulas, and what labels do to every objective."""

import dataclasses

import pytest
import torch
from deep_objects import batch, network, soft_labels

from advtransfer.objectives.deep.losses import correct, cross_entropy, kl_divergence
from advtransfer.objectives.deep.make import make_objective

SPECS = {
    "clean": None,
    "gaussian": {"gaussian": {"sigma": 0.1}},
    "pgd": {"attack": {"norm": "linf", "eps": 0.05, "steps": 2}},
    "pgd-l2": {"attack": {"norm": "l2", "eps": 0.5, "steps": 2, "relative_step": 2.0}},
    "fgsm": {"fgsm": {"eps": 0.05}},
    "free": {"free": {"eps": 0.05, "replays": 2}},
    "trades": {"trades": {"beta": 3.0, "norm": "linf", "eps": 0.05, "steps": 2}},
}
scores = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]])


def test_cross_entropy_of_hard_labels():
    expected = -scores.log_softmax(1)[[0, 1], [1, 2]]
    torch.testing.assert_close(cross_entropy(scores, torch.tensor([1, 2])), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_mixes_with_the_uniform_distribution(smoothing):
    hard, soft = torch.tensor([1, 2]), torch.tensor([[0.2, 0.8, 0.0], [0.0, 0.5, 0.5]])
    for y, probabilities in ((hard, torch.eye(3)[hard]), (soft, soft)):
        mixed = (1 - smoothing) * probabilities + smoothing / 3
        expected = -(mixed * scores.log_softmax(1)).sum(1)
        torch.testing.assert_close(cross_entropy(scores, y, smoothing), expected)


def test_kl_is_the_sum_over_classes_and_differentiable_in_both():
    p, q = scores.clone().requires_grad_(True), scores.flip(0).clone().requires_grad_(True)
    expected = (p.softmax(1) * (p.log_softmax(1) - q.log_softmax(1))).sum(1)
    value = kl_divergence(p, q)
    torch.testing.assert_close(value, expected)
    ours, theirs = (torch.autograd.grad(v.sum(), (p, q), retain_graph=True) for v in (value, expected))
    torch.testing.assert_close(ours, theirs)
    assert ours[0].abs().max() > 0.1 and ours[1].abs().max() > 0.1


def test_losses_are_taken_in_float32():
    half = scores.bfloat16()
    assert cross_entropy(half, torch.tensor([0, 1])).dtype == torch.float32
    assert kl_divergence(half, half).dtype == torch.float32


def test_correct_compares_with_the_most_probable_label():
    assert correct(scores, torch.tensor([0, 1])).tolist() == [1, 0]
    assert correct(scores, torch.tensor([[0.5, 0.4, 0.1], [0.1, 0.0, 0.9]])).tolist() == [1, 1]


@pytest.mark.parametrize("name", SPECS)
def test_an_objective_gives_a_mean_loss_and_detached_measurements(name):
    outputs = make_objective(SPECS[name])(network(), batch())
    assert outputs.keys() >= {"loss", "accuracy"}
    assert all(value.shape == () for value in outputs.values())
    assert outputs["loss"].requires_grad
    assert not any(value.requires_grad for key, value in outputs.items() if key != "loss")


@pytest.mark.parametrize("name", SPECS)
def test_one_hot_labels_are_the_hard_ones(name):
    hard = batch()
    soft = dataclasses.replace(batch(), y=torch.eye(5)[hard.y])
    one, other = (make_objective(SPECS[name])(network(), b) for b in (hard, soft))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", SPECS)
def test_soft_labels_change_what_is_learned(name):
    hard, soft = (make_objective(SPECS[name])(network(), b) for b in (batch(), batch(y=soft_labels())))
    assert abs(hard["loss"] - soft["loss"]) > 1e-3


@pytest.mark.parametrize("name", SPECS)
def test_smoothing_concerns_the_loss_and_not_the_attack(name):
    """The loss is linear in the labels: that at smoothing a is a mixture of those at 0 and 1, at the same points."""
    model = network(norm="group")
    sharp, smooth, uniform = (
        make_objective(SPECS[name], smoothing=a)(model, batch())["loss"] for a in (0.0, 0.25, 1.0)
    )
    torch.testing.assert_close(smooth, 0.75 * sharp + 0.25 * uniform, rtol=1e-5, atol=1e-6)
    assert abs(smooth - sharp) > 1e-3


def test_an_unknown_objective_is_refused():
    with pytest.raises(ModuleNotFoundError, match=r"kinds\.pgd"):
        make_objective({"pgd": {}})
