"""Full fine-tuning: from the given body and a zero head, every layer moves, the given weights stay."""

import pytest
import torch

from advtransfer.models import mlp
from advtransfer.objectives.losses import cross_entropy
from advtransfer.seeding import Streams
from advtransfer.transfer.finetune import finetune

CALM = {"learning_rate": 1e-2, "weight_decay": 0.0}


def problem(count=3):
    pretrained = mlp.initialise((8, 16, 12, 10), Streams.of(0, range(count), "init"))
    x = Streams.of(0, range(count), "x").normal(20, 8)
    return pretrained, x, (x[..., 0] > 0).long() + (x[..., 1] > 0).long()


def loss(parameters, x, y):
    return cross_entropy(mlp.logits(parameters, x), y).mean(1)


def test_it_lowers_the_loss_of_every_problem_and_fits_its_examples():
    pretrained, x, y = problem()
    tuned = finetune(pretrained, x, y, classes=3, steps=60, **CALM)
    even = torch.log(torch.tensor(3.0))  # the loss of a zero head
    assert (loss(tuned, x, y) < 0.5 * even).all()
    assert (mlp.logits(tuned, x).argmax(2) == y).float().mean() > 0.9


def test_every_layer_moves_in_every_problem():
    pretrained, x, y = problem()
    tuned = finetune(pretrained, x, y, classes=3, steps=5, **CALM)
    for name, p in tuned.items():
        before = torch.zeros_like(p) if name.endswith("_2") else pretrained[name]
        assert ((p - before).flatten(1).norm(dim=1) > 1e-3).all(), name


def test_it_starts_from_the_body_and_a_zero_head_of_the_targets_classes():
    pretrained, x, y = problem()
    start = finetune(pretrained, x, y, classes=3, steps=1, learning_rate=0.0, weight_decay=0.5)
    assert start["weight_2"].shape == (3, 12, 3) and start["bias_2"].shape == (3, 1, 3)
    for name, p in start.items():
        assert torch.equal(p, torch.zeros_like(p) if name.endswith("_2") else pretrained[name])


def test_given_weights_and_examples_stay():
    pretrained, x, y = problem()
    before = {name: p.clone() for name, p in pretrained.items()}, x.clone(), y.clone()
    finetune(pretrained, x, y, classes=3, steps=5, **CALM)
    assert pretrained.keys() == before[0].keys()
    assert all(torch.equal(p, before[0][name]) for name, p in pretrained.items())
    assert torch.equal(x, before[1]) and torch.equal(y, before[2])


def test_problems_do_not_mix():
    pretrained, x, y = problem()
    together = finetune(pretrained, x, y, classes=3, steps=10, **CALM)
    one = {name: p[1:2] for name, p in pretrained.items()}
    alone = finetune(one, x[1:2], y[1:2], classes=3, steps=10, **CALM)
    for name, p in alone.items():
        torch.testing.assert_close(p[0], together[name][1], rtol=1e-3, atol=1e-4)


def test_weight_decay_shrinks():
    pretrained, x, y = problem()
    sizes = []
    for decay in (0.0, 1.0):
        tuned = finetune(pretrained, x, y, classes=3, steps=20, learning_rate=1e-2, weight_decay=decay)
        sizes.append(sum(p.norm() for p in tuned.values()))
    assert sizes[1] < 0.95 * sizes[0]


@pytest.mark.parametrize("classes", [2, 10])
def test_number_of_classes_is_the_targets(classes):
    pretrained, x, y = problem()
    tuned = finetune(pretrained, x, y.clamp(max=classes - 1), classes=classes, steps=2, **CALM)
    assert mlp.logits(tuned, x).shape == (3, 20, classes)
