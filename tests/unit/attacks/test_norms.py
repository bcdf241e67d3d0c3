"""Projection, steepest step and random start of each norm, on random cases and against their definitions."""

import numpy as np
import pytest
import torch
from scipy import stats

from advtransfer.attacks.norms import NORMS
from advtransfer.seeding import Streams

CASES = range(25)


def vectors(case, *, extra=()):
    """A random batch of events, their number of dimensions, and a radius; scales from 1e-4 to 1e3."""
    rng = np.random.default_rng([7, case])
    event = [(1,), (5,), (64,), (3, 4), (2, 3, 4)][case % 5]
    scale = 10.0 ** rng.uniform(-4, 3)
    x = torch.from_numpy(rng.normal(size=(*extra, 3, 8, *event)) * scale).float()
    return x, len(event), float(scale * 10.0 ** rng.uniform(-1.5, 1.5))


def length(norm, x, events):
    flat = x.double().flatten(-events)
    return flat.abs().amax(-1) if norm == "linf" else flat.square().sum(-1).sqrt()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("case", CASES)
def test_projection_is_the_nearest_point_of_the_ball(norm, case):
    x, events, eps = vectors(case)
    projected = NORMS[norm].project(x, eps, events)
    assert projected.shape == x.shape
    assert (length(norm, projected, events) <= eps * (1 + 1e-6)).all()
    inside = length(norm, x, events) < eps * (1 - 1e-6)
    torch.testing.assert_close(projected[inside], x[inside], rtol=1e-6, atol=0)
    distance = (x - projected).flatten(-events).norm(dim=-1)
    for seed in range(20):
        rival = eps * NORMS[norm].random(Streams.of(seed, range(3)), x.shape[1:], events)
        assert (distance <= (x - rival).flatten(-events).norm(dim=-1) * (1 + 1e-5) + 1e-9).all()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
def test_steepest_has_unit_norm_and_gains_the_dual_norm(norm, dual, case):
    gradient, events, _ = vectors(case)
    direction = NORMS[norm].steepest(gradient, events)
    torch.testing.assert_close(length(norm, direction, events).float(), torch.ones(3, 8))
    gain = (gradient * direction).flatten(-events).sum(-1)
    torch.testing.assert_close(gain, torch.linalg.vector_norm(gradient.flatten(-events), dual, dim=-1))


@pytest.mark.parametrize("norm", NORMS)
def test_steepest_of_no_gradient_is_no_step(norm):
    assert (NORMS[norm].steepest(torch.zeros(2, 3, 4), 1) == 0).all()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [1e-10, 1e-15, 1e-20, 1e-30])
def test_a_confident_model_does_not_hide_behind_a_tiny_gradient(norm, size):
    """Cross-entropy's gradient falls like exp(-margin): the step must not fall with it."""
    gradient = torch.tensor([[[3.0, -4.0]]]) * size
    direction = NORMS[norm].steepest(gradient, 1)
    expected = torch.tensor([[[0.6, -0.8]]]) if norm == "l2" else torch.tensor([[[1.0, -1.0]]])
    torch.testing.assert_close(direction, expected)


@pytest.mark.parametrize("event", [(1,), (3,), (64,), (2, 4)])
def test_l2_start_is_uniform_in_the_ball(event):
    dimensions = int(np.prod(event))
    start = NORMS["l2"].random(Streams.of(3, range(4)), (1000, *event), len(event)).flatten(2).double()
    radius = start.norm(dim=2)
    assert radius.max() <= 1 + 1e-6
    # in a uniform ball the volume within the radius, radius^d, is uniform on [0, 1]
    for replica in range(4):
        assert stats.kstest(radius[replica].numpy() ** dimensions, "uniform").pvalue > 1e-3
    # no direction is preferred: mean 0, variance 1 / (d + 2) along each axis
    points = start.flatten(0, 1)
    assert points.mean(0).abs().max() < 5 / np.sqrt(4000 * (dimensions + 2))
    torch.testing.assert_close(
        (points**2).mean(0) * (dimensions + 2), torch.ones(dimensions).double(), rtol=0.15, atol=0
    )


def test_linf_start_is_uniform_in_the_cube():
    start = NORMS["linf"].random(Streams.of(3, range(2)), (500, 5), 1)
    assert start.abs().max() <= 1
    for axis in range(5):
        assert stats.kstest(start[..., axis].flatten().numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3
    assert np.abs(np.corrcoef(start.flatten(0, 1).T.numpy()) - np.eye(5)).max() < 0.1


@pytest.mark.parametrize("norm", NORMS)
def test_starts_differ_between_replicas_and_examples(norm):
    start = NORMS[norm].random(Streams.of(3, range(3)), (4, 6), 1).flatten(0, 1)
    assert len(torch.unique(start, dim=0)) == 12
