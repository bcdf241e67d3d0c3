"""The attack's contract: never outside its ball or bounds, restarts only strengthen, the optimum where it is known."""

import math

import numpy as np
import pytest
import torch

from advtransfer.attacks.pgd import PGD
from advtransfer.models import mlp
from advtransfer.objectives.losses import cross_entropy
from advtransfer.seeding import Streams

NORM = ["l2", "linf"]


def length(norm, x):
    flat = x.double().flatten(2)
    return flat.abs().amax(2) if norm == "linf" else flat.norm(dim=2)


def network(seed, replicas=2, sizes=(6, 16, 3)):
    return mlp.initialise(sizes, Streams.of(seed, range(replicas), "init"))


def examples(seed, replicas=2, count=7, pixels=6, classes=3):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(replicas, count, pixels, generator=generator)
    return x, torch.randint(classes, (replicas, count), generator=generator)


def loss_of(parameters, y):
    return lambda z: cross_entropy(mlp.logits(parameters, z), y)


# -- closed form: for scores +-(<w, x> + b)/2 the worst step is eps * w / |w| (l2) or eps * sign(w) (linf) -------


class Logistic:
    """Three replicas of a 2-class linear model in 5 dimensions, and 40 examples each."""

    def __init__(self, seed=0, size=1.0):
        generator = torch.Generator().manual_seed(seed)
        self.w = size * torch.randn(3, 5, 1, generator=generator)
        self.b = torch.randn(3, 1, 1, generator=generator)
        self.x = torch.randn(3, 40, 5, generator=generator)
        self.y = torch.randint(2, (3, 40), generator=generator)
        self.sign = (2 * self.y - 1)[..., None]

    def loss(self, z):
        scores = z @ self.w + self.b
        return cross_entropy(torch.cat([-scores / 2, scores / 2], dim=2), self.y)

    def optimum(self, norm, eps):
        w = self.w.mT
        step = w.sign() if norm == "linf" else w / w.norm(dim=2, keepdim=True)
        return self.x - eps * self.sign * step

    def highest_loss(self, norm, eps):
        margin = self.sign * (self.x @ self.w + self.b)
        dual = self.w.abs().sum(1, keepdim=True) if norm == "linf" else self.w.norm(dim=1, keepdim=True)
        return torch.nn.functional.softplus(eps * dual - margin)[..., 0]


@pytest.mark.parametrize("norm", NORM)
@pytest.mark.parametrize("eps", [0.01, 0.5, 3.0])
@pytest.mark.parametrize("start", [{"random_start": False}, {"relative_step": 40.0, "steps": 30}])
def test_linear_model_reaches_the_closed_form(norm, eps, start):
    model = Logistic()
    attack = PGD(**{"norm": norm, "eps": eps, "steps": 5} | start)
    found = attack(model.loss, model.x, Streams.of(0, range(3)))
    torch.testing.assert_close(found, model.optimum(norm, eps), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.loss(found), model.highest_loss(norm, eps), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm", NORM)
def test_default_steps_come_close_to_the_closed_form_and_never_beyond(norm):
    model = Logistic()
    found = PGD(norm=norm, eps=0.5, steps=20)(model.loss, model.x, Streams.of(0, range(3)))
    bound = model.highest_loss(norm, 0.5)
    assert (model.loss(found) <= bound * (1 + 1e-5)).all()
    assert (model.loss(found) >= 0.95 * bound).all()


@pytest.mark.parametrize("norm", NORM)
def test_a_very_confident_model_is_attacked_all_the_same(norm):
    """Margins of about 100 leave gradients near exp(-100), which float32 squares to zero."""
    model = Logistic(size=30.0)
    model.y = (model.x @ model.w + model.b > 0).long()[..., 0]
    model.sign = (2 * model.y - 1)[..., None]
    attack = PGD(norm=norm, eps=0.1, steps=5, random_start=False)
    found = attack(model.loss, model.x, Streams.of(0, range(3)))
    alive = (model.sign * (model.x @ model.w + model.b))[..., 0] < 70  # beyond, the gradient itself is 0
    assert 0.5 < alive.float().mean() < 1
    torch.testing.assert_close(found[alive], model.optimum(norm, 0.1)[alive], rtol=1e-5, atol=1e-5)


# -- ball and bounds ---------------------------------------------------------------------------------------------------


def random_attack(case):
    rng = np.random.default_rng([11, case])
    low = rng.choice([0.0, -0.3])
    bounds = None if rng.random() < 0.4 else (float(low), float(rng.choice([1.0, 0.7])))
    attack = PGD(
        norm=NORM[case % 2],
        eps=float(10.0 ** rng.uniform(-2, 0.5)),
        steps=int(rng.integers(1, 6)),
        relative_step=float(rng.choice([0.5, 2.5, 30.0])),
        random_start=bool(rng.random() < 0.7),
        restarts=int(rng.integers(1, 4)),
        clip=bounds,
    )
    x, y = examples(case)
    return attack, x if bounds is None else x.clamp(*bounds), y


@pytest.mark.parametrize("case", range(40))
def test_result_stays_in_the_ball_and_within_the_bounds(case):
    attack, x, y = random_attack(case)
    found = attack(loss_of(network(case), y), x, Streams.of(case, range(2)))
    assert found.shape == x.shape and found.isfinite().all()
    assert (length(attack.norm, found - x) <= attack.eps * (1 + 1e-5) + 1e-6).all()
    if attack.clip:
        assert found.min() >= np.float32(attack.clip[0]) and found.max() <= np.float32(attack.clip[1])


@pytest.mark.parametrize("norm", NORM)
def test_without_bounds_nothing_is_clipped(norm):
    x, y = examples(0)
    found = PGD(norm=norm, eps=2.0, steps=5)(loss_of(network(0), y), x, Streams.of(0, range(2)))
    assert found.min() < 0 and found.max() > 1


@pytest.mark.parametrize("norm", NORM)
def test_events_of_several_dimensions_are_one_example(norm):
    """An image attacked as [4, 2] is attacked exactly as its 8 pixels in a row."""
    x, y = examples(0, pixels=8)
    loss = loss_of(network(0, sizes=(8, 16, 3)), y)
    attack = PGD(norm=norm, eps=0.3, steps=4)
    flat = attack(loss, x, Streams.of(0, range(2)))
    square = attack(lambda z: loss(z.flatten(2)), x.unflatten(2, (4, 2)), Streams.of(0, range(2)))
    torch.testing.assert_close(square.flatten(2), flat)


# -- steps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORM)
@pytest.mark.parametrize(("relative", "steps", "share"), [(0.25, 1, 0.25), (0.8, 4, 0.8), (2.5, 5, 1.0)])
@pytest.mark.parametrize("eps", [0.1, 2.0])
def test_step_is_relative_to_eps_and_to_the_number_of_steps(norm, relative, steps, share, eps):
    model = Logistic()
    attack = PGD(norm=norm, eps=eps, steps=steps, relative_step=relative, random_start=False)
    found = attack(model.loss, model.x, Streams.of(0, range(3)))
    torch.testing.assert_close(length(norm, found - model.x), torch.full((3, 40), share * eps).double())


@pytest.mark.parametrize("norm", NORM)
def test_attack_raises_the_loss_and_more_with_a_larger_ball(norm):
    x, y = examples(1, count=200)
    loss = loss_of(network(1), y)
    losses = [loss(x).mean()]
    for eps in (0.05, 0.2, 0.8):
        found = PGD(norm=norm, eps=eps, steps=10)(loss, x, Streams.of(0, range(2)))
        assert (loss(found) >= loss(x)).float().mean() > 0.99
        losses.append(loss(found).mean())
    assert losses == sorted(losses) and losses[-1] > losses[0] + 0.5


# -- restarts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORM)
@pytest.mark.parametrize("restarts", [2, 5])
def test_restarts_keep_the_worst_of_the_single_runs_per_example(norm, restarts):
    x, y = examples(2, count=60)
    loss = loss_of(network(2), y)
    once = {"norm": norm, "eps": 1.0, "steps": 2}
    streams = Streams.of(5, range(2))
    singles = torch.stack([PGD(**once)(loss, x, streams) for _ in range(restarts)])
    losses = torch.stack([loss(single) for single in singles])
    found = PGD(**once, restarts=restarts)(loss, x, Streams.of(5, range(2)))
    assert (loss(found) >= losses).all()
    winner = losses.argmax(0)
    assert len(winner.unique()) == restarts  # each start is the worst for somebody
    assert torch.equal(found, singles.gather(0, winner[None, ..., None].expand(1, -1, -1, 6))[0])


@pytest.mark.parametrize("norm", NORM)
def test_restarts_win_where_the_loss_has_two_hills(norm):
    """A low hill at -1 and a high one at +1: from the left, gradient steps climb the low one and stay."""

    def hills(z):
        return (torch.exp(-4 * (z + 1) ** 2) + 2 * torch.exp(-4 * (z - 1) ** 2))[..., 0]

    x = torch.zeros(2, 100, 1) - 0.2
    attack = {"norm": norm, "eps": 1.2, "steps": 20, "relative_step": 2.0}
    once = hills(PGD(**attack)(hills, x, Streams.of(0, range(2))))
    often = hills(PGD(**attack, restarts=12)(hills, x, Streams.of(0, range(2))))
    assert 0.2 < (once < 1.5).float().mean() < 0.8
    assert (often > 1.5).all()


def test_without_a_random_start_restarts_change_nothing_and_no_stream_is_read():
    x, y = examples(3)
    loss, streams = loss_of(network(3), y), Streams(())
    once = PGD(norm="l2", eps=0.5, steps=3, random_start=False)(loss, x, streams)
    assert torch.equal(
        PGD(norm="l2", eps=0.5, steps=3, random_start=False, restarts=3)(loss, x, streams), once
    )


# -- what the caller relies on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORM)
def test_inputs_and_parameters_stay_as_they_were(norm):
    x, y = examples(4)
    parameters = {name: p.requires_grad_(True) for name, p in network(4).items()}
    before = {name: p.detach().clone() for name, p in parameters.items()}, x.clone()
    found = PGD(norm=norm, eps=0.5, steps=3, restarts=2)(loss_of(parameters, y), x, Streams.of(0, range(2)))
    assert all(p.grad is None for p in parameters.values())
    assert not found.requires_grad and x.grad is None and not x.requires_grad
    assert torch.equal(x, before[1])
    assert all(torch.equal(p, before[0][name]) for name, p in parameters.items())


@pytest.mark.parametrize("norm", NORM)
def test_a_replica_is_attacked_alike_alone_and_in_company(norm):
    x, y = examples(6, replicas=4)
    parameters = network(6, replicas=4)
    attack = PGD(norm=norm, eps=0.5, steps=4, restarts=2)
    together = attack(loss_of(parameters, y), x, Streams.of(0, [3, 1, 4, 2], "attack"))
    one = {name: p[2:3] for name, p in parameters.items()}
    alone = attack(loss_of(one, y[2:3]), x[2:3], Streams.of(0, [4], "attack"))
    torch.testing.assert_close(together[2:3], alone, rtol=1e-5, atol=1e-5)


def test_arguments_are_named():
    with pytest.raises(TypeError):
        PGD("l2", 0.5, 5)
    with pytest.raises(KeyError):
        PGD(norm="l1", eps=0.5, steps=5)(lambda z: z.sum(2), torch.zeros(1, 1, 2), Streams.of(0, [0]))


def test_closed_form_of_this_file_is_the_highest_loss():
    """The yardstick itself: no point of a fine search in the ball has a higher loss."""
    model = Logistic()
    for angle in torch.linspace(0, 2 * math.pi, 50):
        direction = torch.zeros(5)
        direction[0], direction[1] = angle.cos(), angle.sin()
        assert (model.loss(model.x + 0.5 * direction) <= model.highest_loss("l2", 0.5) + 1e-6).all()
