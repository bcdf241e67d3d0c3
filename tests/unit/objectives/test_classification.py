"""The objective: cross-entropy at the perturbed examples, whatever the perturbation."""

import pytest
import torch

from advtransfer.attacks.pgd import PGD
from advtransfer.models import mlp
from advtransfer.objectives.classification import Classification, Gaussian, Unperturbed, make_perturbation
from advtransfer.objectives.losses import cross_entropy
from advtransfer.seeding import Streams

ATTACK = {"norm": "l2", "eps": 0.5, "steps": 3}


def problem(replicas=2):
    parameters = mlp.initialise((5, 8, 3), Streams.of(0, range(replicas), "init"))
    x = Streams.of(0, range(replicas), "x").normal(9, 5)
    y = torch.arange(9).remainder(3).expand(replicas, -1)
    return {name: p.requires_grad_(True) for name, p in parameters.items()}, x, y


def test_cross_entropy_is_minus_the_log_probability_of_the_label():
    logits = torch.randn(2, 7, 4, dtype=torch.float64)
    labels = torch.randint(4, (2, 7))
    expected = -logits.softmax(2).gather(2, labels[..., None])[..., 0].log()
    torch.testing.assert_close(cross_entropy(logits, labels), expected)
    assert cross_entropy(torch.tensor([[[1e4, 0.0]]]), torch.tensor([[1]])).item() == pytest.approx(1e4)


def test_make_perturbation_reads_params():
    x = torch.zeros(2, 3, 4)
    assert make_perturbation(None)(lambda z: z.sum(2), x, Streams(())) is x
    assert make_perturbation({"gaussian": {"sigma": 0.3}}) == Gaussian(sigma=0.3)
    attack = make_perturbation({"attack": ATTACK | {"restarts": 2, "clip": [0.0, 1.0]}})
    assert attack == PGD(norm="l2", eps=0.5, steps=3, restarts=2, clip=[0.0, 1.0])
    moved = attack(lambda z: z.sum(2), x, Streams.of(0, range(2)))
    assert moved.min() >= 0 and 0 < moved.norm(dim=2).max() <= 0.5 + 1e-6


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError):
        make_perturbation({"attack": ATTACK | {"radius": 1.0}})


def test_gaussian_noise_has_its_size_and_belongs_to_the_replica():
    x = torch.zeros(3, 400, 50)
    noise = Gaussian(sigma=0.25)(lambda z: z, x, Streams.of(0, [4, 8, 6], "noise"))
    assert noise.std().item() == pytest.approx(0.25, rel=0.02) and abs(noise.mean().item()) < 0.005
    alone = Gaussian(sigma=0.25)(lambda z: z, x[:1], Streams.of(0, [8], "noise"))
    assert torch.equal(alone[0], noise[1])
    streams = Streams.of(0, [0], "noise")
    first, second = (Gaussian(sigma=1.0)(lambda z: z, x[:1], streams) for _ in range(2))
    assert not torch.equal(first, second)  # new noise at every step


@pytest.mark.parametrize(
    "perturbation",
    [None, {"gaussian": {"sigma": 0.2}}, {"attack": ATTACK}, {"attack": ATTACK | {"norm": "linf"}}],
)
def test_loss_accuracy_and_gradient_are_those_at_the_moved_examples(perturbation):
    parameters, x, y = problem()
    chosen = make_perturbation(perturbation)
    outputs = Classification(chosen, Streams.of(1, range(2)))(parameters, x, y)
    moved = chosen(lambda z: cross_entropy(mlp.logits(parameters, z), y), x, Streams.of(1, range(2))).detach()
    scores = mlp.logits(parameters, moved)
    expected = cross_entropy(scores, y).mean(1)
    torch.testing.assert_close(outputs["loss"], expected)
    assert torch.equal(outputs["accuracy"], (scores.argmax(2) == y).float().mean(1))
    assert outputs["loss"].shape == (2,) and not outputs["accuracy"].requires_grad
    mine = torch.autograd.grad(outputs["loss"].sum(), list(parameters.values()))
    theirs = torch.autograd.grad(expected.sum(), list(parameters.values()))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)
        assert a.abs().sum() > 0


def test_the_attack_is_aimed_at_the_current_weights():
    parameters, x, y = problem()
    clean = Classification(Unperturbed(), Streams(()))(parameters, x, y)["loss"]
    attacked = Classification(PGD(**ATTACK), Streams.of(1, range(2)))(parameters, x, y)["loss"]
    noisy = Classification(Gaussian(sigma=0.5 / 5**0.5), Streams.of(1, range(2)))(parameters, x, y)["loss"]
    assert (attacked > clean + 0.05).all() and (attacked > noisy).all()


def test_no_gradient_is_left_behind():
    parameters, x, y = problem()
    Classification(PGD(**ATTACK), Streams.of(1, range(2)))(parameters, x, y)
    assert all(p.grad is None for p in parameters.values()) and x.grad is None
