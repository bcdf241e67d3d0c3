"""An example counts as robust only if it is right without attack and under every single start."""

from dataclasses import replace

import pytest
import torch

from advtransfer.attacks.pgd import PGD
from advtransfer.evaluation.robustness import robust_correct
from advtransfer.models import mlp
from advtransfer.seeding import Streams


def scores(*columns):
    return torch.stack(columns, dim=2)


def test_right_without_attack_but_wrong_under_one_start_is_not_robust():
    """Wrong in the right half of the ball only: each start finds it with probability 1/2."""

    def logits(z):
        return scores(1 - 2 * (z[..., 0] > 0) + 0 * z[..., 0], 0 * z[..., 0])

    x, y = torch.zeros(2, 200, 1), torch.zeros(2, 200, dtype=torch.long)
    attack = PGD(norm="linf", eps=1.0, steps=1, relative_step=1e-3)
    assert (logits(x).argmax(2) == y).all()
    for restarts, left in [(1, 0.5), (2, 0.25), (3, 0.125), (12, 0.0)]:
        right = robust_correct(logits, x, y, replace(attack, restarts=restarts), Streams.of(0, range(2)))
        assert right.dtype == torch.bool and right.shape == (2, 200)
        assert right.float().mean().item() == pytest.approx(left, abs=0.07)
    assert not right.any()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_it_is_the_and_over_clean_and_single_runs(norm):
    parameters = mlp.initialise((6, 16, 4), Streams.of(0, range(3), "init"))
    x = Streams.of(0, range(3), "x").normal(80, 6)
    with torch.no_grad():
        y = mlp.logits(parameters, x).argmax(2)
    y[:, :10] = (y[:, :10] + 1) % 4  # these are wrong before any attack
    attack = PGD(norm=norm, eps=0.4, steps=2, restarts=4)

    def logits(z):
        return mlp.logits(parameters, z)

    kept = [
        robust_correct(logits, x, y, replace(attack, restarts=k), Streams.of(9, range(3))) for k in (1, 2, 4)
    ]
    assert not kept[0][:, :10].any()
    streams = Streams.of(9, range(3))
    single = [robust_correct(logits, x, y, replace(attack, restarts=1), streams) for _ in range(4)]
    assert torch.equal(kept[2], single[0] & single[1] & single[2] & single[3])
    assert (kept[1] <= kept[0]).all() and (kept[2] <= kept[1]).all()
    assert 0 < kept[2].sum() < kept[0].sum()


def test_a_start_that_fools_counts_although_another_has_the_higher_loss():
    """Of three classes, the highest loss may be at a point that is still right: the label's score 1/3 against two
    of nearly 1/3 (loss 1.1), while elsewhere it is beaten narrowly by one alone (loss 0.7)."""

    def logits(z):
        left = z[..., 0] < 0
        zero = 0 * z[..., 0]
        return scores(zero, zero + torch.where(left, -0.001, 0.001), zero + torch.where(left, -0.001, -9.0))

    x, y = torch.zeros(1, 100, 1), torch.zeros(1, 100, dtype=torch.long)
    x -= 0.1
    attack = PGD(norm="linf", eps=1.0, steps=1, relative_step=1e-6, restarts=20)
    assert (logits(x).argmax(2) == y).all()
    assert not robust_correct(logits, x, y, attack, Streams.of(0, [0])).any()


def test_wrong_without_attack_is_wrong_even_if_every_attack_misses():
    def logits(z):
        right = (z[..., 0].abs() > 0).float() + 0 * z[..., 0]
        return scores(right, torch.full_like(right, 0.5))

    x, y = torch.zeros(1, 50, 1), torch.zeros(1, 50, dtype=torch.long)
    attack = PGD(norm="linf", eps=1.0, steps=2)
    moved = attack(lambda z: z[..., 0] * 0, x, Streams.of(0, [0]))
    assert (logits(moved).argmax(2) == y).all()
    assert not robust_correct(logits, x, y, attack, Streams.of(0, [0])).any()


def test_a_model_out_of_reach_keeps_its_accuracy():
    """Margin 1, ball 0.99: everything stays right; ball 1.01: nothing does."""

    def logits(z):
        return torch.cat([z, torch.zeros_like(z)], dim=2)

    x, y = torch.ones(2, 30, 1), torch.zeros(2, 30, dtype=torch.long)
    for eps, expected in [(0.99, True), (1.01, False)]:
        right = robust_correct(logits, x, y, PGD(norm="l2", eps=eps, steps=10), Streams.of(0, range(2)))
        assert right.eq(expected).all()
