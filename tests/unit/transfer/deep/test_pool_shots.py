"""Few-shot sets from the pool alone: balanced, nested, and a function of their stream."""

import numpy as np
import pytest
import torch

from advtransfer.seeding import stream
from advtransfer.transfer.deep.shots import draw_shots, few

CLASSES = 5
LABELS = np.random.default_rng(0).permutation(np.arange(400) % CLASSES)
POOL = np.random.default_rng(1).permutation(400)[:300]


def shots_of(seed=0, **changes):
    asked = {"classes": CLASSES, "draws": 3, "most": 20} | changes
    return draw_shots(LABELS, POOL, stream(seed, "shots"), **asked)


def test_k_of_each_class_from_the_pool_alone_and_none_twice():
    shots = shots_of()
    assert shots.shape == (3, CLASSES, 20) and shots.dtype == torch.int64
    for draw in shots:
        assert len(draw.flatten().unique()) == CLASSES * 20
        assert set(draw.flatten().tolist()) <= set(POOL.tolist())
        for label in range(CLASSES):
            assert (LABELS[draw[label]] == label).all()


def test_more_shots_only_add_and_more_draws_only_append():
    base = shots_of(draws=2, most=5)
    assert torch.equal(shots_of(draws=4, most=20)[:2, :, :5], base)
    smaller, larger = few(shots_of(), 3), few(shots_of(), 4)
    for draw in range(3):
        assert set(smaller[draw].tolist()) < set(larger[draw].tolist())
        assert len(larger[draw]) == 4 * CLASSES


def test_draws_and_seeds_differ_and_a_seed_repeats():
    shots = shots_of().sort(2).values
    assert not torch.equal(shots[0], shots[1]) and not torch.equal(shots[1], shots[2])
    assert not torch.equal(shots_of(seed=1), shots_of())
    assert torch.equal(shots_of(), shots_of())


def test_every_image_of_the_pool_is_drawn_about_equally_often():
    counts = np.bincount(shots_of(draws=600, most=10).flatten(), minlength=400)
    assert counts[np.setdiff1d(np.arange(400), POOL)].sum() == 0
    for label in range(CLASSES):
        members = counts[POOL[LABELS[POOL] == label]]
        assert abs(members / members.mean() - 1).max() < 0.4  # five standard deviations


def test_too_small_a_pool_is_refused():
    smallest = min(np.bincount(LABELS[POOL]))
    draw_shots(LABELS, POOL, stream(0), classes=CLASSES, draws=1, most=smallest)
    with pytest.raises(
        ValueError, match=rf"class \d has {smallest} images in the pool, {smallest + 1} are needed"
    ):
        shots_of(most=smallest + 1)
    with pytest.raises(ValueError, match="class 5 has 0 images"):
        shots_of(classes=CLASSES + 1)


@pytest.mark.parametrize("count", [0, 21])
def test_more_shots_than_drawn_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} shots asked for, 20 drawn"):
        few(shots_of(), count)
