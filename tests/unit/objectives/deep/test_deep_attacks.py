"""Training attacks: closed forms on a linear model, strength against torchattacks, and the model left as it was."""

import dataclasses
import math

import pytest
import torch
import torchattacks
from deep_objects import Linear, batch, network, streams
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from advtransfer.objectives.classification import Gaussian
from advtransfer.objectives.deep.attacking import perturb, under_attack
from advtransfer.objectives.deep.losses import cross_entropy as losses
from advtransfer.objectives.deep.make import make_objective
from advtransfer.objectives.deep.perturbed import pgd

SHAPE = (1, 4, 4)


def attacked(model, attack, b):
    return perturb(model, attack, b, lambda scores: losses(scores, b.y))


def inner(seed=0, **changes):
    """Images so far from 0 and 1 that clipping never acts."""
    return batch(64, SHAPE, classes=2, seed=seed, low=0.3, high=0.7, **changes)


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
@pytest.mark.parametrize("eps", [0.02, 0.2])
def test_pgd_on_a_linear_model_costs_eps_times_the_dual_norm(norm, dual, eps):
    model, b = Linear(SHAPE), inner()
    objective = make_objective({"attack": {"norm": norm, "eps": eps, "steps": 20, "relative_step": 20.0}})
    outputs = objective(model, b)
    sign = 2.0 * b.y - 1
    margins = sign * model.margin(b.x) - eps * torch.linalg.vector_norm(model.w, dual)
    torch.testing.assert_close(outputs["loss"], softplus(-margins).mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs["accuracy"], (margins > 0).float().mean())
    expected = torch.autograd.grad(softplus(-margins).mean(), [model.w, model.b])
    torch.testing.assert_close(
        torch.autograd.grad(outputs["loss"], [model.w, model.b]), expected, rtol=1e-3, atol=1e-4
    )


def test_fgsm_is_one_step_of_one_and_a_quarter_eps_from_a_uniform_start():
    model, b, eps = Linear(SHAPE), inner(), 0.1
    moved = attacked(model, make_objective({"fgsm": {"eps": eps}}).perturbation, b) - b.x
    start = eps * (2 * streams().uniform(64, *SHAPE)[0] - 1)
    uphill = ((1 - 2.0 * b.y)[:, None, None, None] * model.w).sign()
    torch.testing.assert_close(moved, (start + 1.25 * eps * uphill).clamp(-eps, eps), rtol=1e-4, atol=1e-6)
    # of a uniform start in [-eps, eps] five eighths end at the boundary, the others at least eps/4 up the hill
    assert ((moved * uphill) > 0.249 * eps).all()
    assert 0.55 < ((moved * uphill) > 0.999 * eps).float().mean() < 0.70


@pytest.mark.parametrize("spec", [{"norm": "linf", "eps": 0.2}, {"norm": "l2", "eps": 1.5}])
def test_perturbed_images_stay_images_within_the_ball(spec):
    model, b = network(), batch(32)
    moved = attacked(model, pgd(steps=5, **spec), b)
    assert moved.min() >= 0 and moved.max() <= 1 and not moved.requires_grad
    delta = (moved - b.x).flatten(1)
    size = delta.abs().amax(1) if spec["norm"] == "linf" else delta.norm(dim=1)
    assert (size <= spec["eps"] * 1.0001).all() and (size > 0.5 * spec["eps"]).all()


def test_noise_is_clipped_to_images():
    b = batch(32)
    moved = attacked(network(), Gaussian(sigma=0.5), b)
    torch.testing.assert_close(moved, (b.x + 0.5 * streams().normal(*b.x.shape)[0]).clamp(0, 1))
    assert (moved == 0).any() and (moved == 1).any()


def test_draws_are_those_of_the_batch():
    attack, model = pgd(norm="linf", eps=0.1, steps=1), network()
    one, same = (attacked(model, attack, batch()) for _ in range(2))
    other = attacked(model, attack, batch(streams=streams(5)))
    assert torch.equal(one, same) and not torch.equal(one, other)


# -- the model under attack --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec", [{"attack": {"norm": "linf", "eps": 0.1, "steps": 3}}, {"fgsm": {"eps": 0.1}}]
)
def test_statistics_are_those_of_one_training_pass(spec):
    """BatchNorm saw the perturbed batch once, as if the attack had never run."""
    model, b = network(), batch()
    moved = attacked(model, make_objective(spec).perturbation, b)
    for key, buffer in network().named_buffers():
        assert torch.equal(buffer, dict(model.named_buffers())[key])
    reference = network()
    reference(moved)
    make_objective(spec)(model, batch())
    for key, buffer in reference.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[key], buffer, rtol=1e-4, atol=1e-5)


def test_the_attack_sees_the_model_as_it_will_be_used():
    """Running statistics: what becomes of an image does not depend on the images beside it."""
    model, b = network(), batch()
    with torch.no_grad():
        model(b.x)
    attack = pgd(norm="linf", eps=0.1, steps=3)
    whole = attacked(model, dataclasses.replace(attack, random_start=False), b)
    one = dataclasses.replace(b, x=b.x[:1], y=b.y[:1])
    alone = attacked(model, dataclasses.replace(attack, random_start=False), one)
    assert ((whole[:1] - alone).abs() < 1e-3).float().mean() > 0.99


def test_an_attack_leaves_modes_gradients_and_frozen_parts_alone():
    model = network()
    model.body.stem.eval()
    model.body.layer1.requires_grad_(False)
    modes = {name: module.training for name, module in model.named_modules()}
    learning = {name: p.requires_grad for name, p in model.named_parameters()}
    with pytest.raises(KeyError), under_attack(model):
        assert not any(module.training for module in model.modules())
        assert not any(p.requires_grad for p in model.parameters())
        raise KeyError
    attacked(model, pgd(norm="l2", eps=0.1, steps=2), batch())
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert {name: p.requires_grad for name, p in model.named_parameters()} == learning
    assert all(p.grad is None for p in model.parameters())


# -- strength against an independent library ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """A small network that tells bright corners apart, trained for a few steps, and a batch it was not shown."""
    model, (w,) = network(classes=4), [torch.tensor([[0, 0], [0, 8], [8, 0], [8, 8]])]

    def examples(seed):
        b = batch(256 if seed == 99 else 64, classes=4, seed=seed, low=0.2, high=0.6)
        for image, label in zip(b.x, b.y, strict=True):
            top, left = w[label]
            image[:, top : top + 8, left : left + 8] += 0.15
        return b

    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(40):
        b = examples(step)
        optimiser.zero_grad()
        cross_entropy(model(b.x), b.y).backward()
        optimiser.step()
    b = examples(99)
    with torch.no_grad():
        assert (model.eval()(b.x).argmax(1) == b.y).float().mean() > 0.9
    return model, b


LIBRARY = {"linf": torchattacks.PGD, "l2": torchattacks.PGDL2}


def judged(model, x, y):
    with torch.no_grad():
        scores = model.eval()(x)
    return cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


def compared(trained, norm, eps, random_start, seeds):
    """Mean (loss, accuracy) of ours and of the library's attack, and the last points of both."""
    model, b = trained
    found = {"ours": [], "theirs": []}
    attack = pgd(norm=norm, eps=eps, steps=10, random_start=random_start)
    for seed in range(seeds):
        ours = attacked(model, attack, dataclasses.replace(b, streams=streams(seed)))
        torch.manual_seed(seed)
        library = LIBRARY[norm](model, eps=eps, alpha=0.25 * eps, steps=10, random_start=random_start)
        theirs = library(b.x, b.y)
        found["ours"].append(judged(model, ours, b.y))
        found["theirs"].append(judged(model, theirs, b.y))
    return *(torch.tensor(f).mean(0) for f in found.values()), (ours - theirs).abs().flatten(1).amax(1)


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.02), ("linf", 0.05), ("l2", 1.0)])
def test_pgd_is_that_of_torchattacks(trained, norm, eps):
    ours, theirs, distance = compared(trained, norm, eps, False, 1)
    torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.01)
    assert (distance < 0.02 * eps).float().mean() > 0.8  # the rest met a kink, where rounding decides the way
    assert ours[0] > 2 * judged(trained[0], trained[1].x, trained[1].y)[0]  # there was something to attack


@pytest.mark.parametrize(("norm", "eps", "share"), [("linf", 0.05, 0.98), ("l2", 1.0, 0.9)])
def test_from_random_starts_pgd_is_about_as_strong_as_that_of_torchattacks(trained, norm, eps, share):
    """With l2 ours starts at the surface of the ball, theirs at a uniform radius."""
    ours, theirs, _ = compared(trained, norm, eps, True, 4)
    assert ours[0] >= share * theirs[0] and ours[1] <= theirs[1] + 0.02


def test_fgsm_is_as_strong_as_torchattacks(trained):
    model, b = trained
    ours, theirs = [], []
    for seed in range(4):
        fgsm = make_objective({"fgsm": {"eps": 0.05}}).perturbation
        moved = attacked(model, fgsm, dataclasses.replace(b, streams=streams(seed)))
        ours.append(judged(model, moved, b.y)[0])
        torch.manual_seed(seed)
        theirs.append(judged(model, torchattacks.FFGSM(model, eps=0.05, alpha=0.0625)(b.x, b.y), b.y)[0])
    assert math.isclose(sum(ours), sum(theirs), rel_tol=0.03)


def test_dropout_does_not_disturb_the_attack():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.drop = Linear(SHAPE), nn.Dropout(0.9)

        def forward(self, x):
            return self.inner(self.drop(x))

    b, model = inner(), Dropping()
    expected = b.x + 0.1 * ((1 - 2.0 * b.y)[:, None, None, None] * model.inner.w).sign()
    torch.testing.assert_close(attacked(model, pgd(norm="linf", eps=0.1, steps=10), b), expected)
