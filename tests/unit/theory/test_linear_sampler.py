"""The sampler of sufficient statistics against brute-force sampling of every x."""

import numpy as np
import pytest

from advtransfer.theory.linear.estimators import clean
from advtransfer.theory.linear.model import draw, pseudo_label_mean, unit
from advtransfer.theory.linear.scenario import make_scenario
from advtransfer.theory.linear.study import run_scenario
from advtransfer.theory.linear.subspace import sin_theta, top_directions

RHO = 0.8


def labelled_points(rng, mean, n):
    """n points x [.., n, p] and labels y [.., n] of tasks with mean B a [.., p]."""
    y = rng.choice([-1.0, 1.0], size=(*mean.shape[:-1], n))
    noise = rng.standard_normal((*mean.shape[:-1], n, mean.shape[-1]))
    return y[..., None] * mean[..., None, :] + RHO * noise, y


def assert_same_moments(a, b, *, errors=5.0):
    """Means and covariances of two samples [N, p] agree within `errors` Monte-Carlo standard errors."""
    n = len(a)
    spread = np.sqrt((a.var(0) + b.var(0)) / n)
    assert np.abs(a.mean(0) - b.mean(0)).max() < errors * spread.max()
    ca, cb = np.cov(a.T), np.cov(b.T)
    scale = np.sqrt(2 * (np.outer(np.diag(ca), np.diag(ca)) + ca**2) / n)
    assert (np.abs(ca - cb) / scale).max() < errors


def test_pseudo_label_mean_has_the_moments_of_brute_force():
    """20,000 draws of mean(yhat x) over 25 unlabelled points, for one task and one weak labeller."""
    rng, draws, n_u = np.random.default_rng(1), 20_000, 25
    mean = np.tile([0.9, -0.2, 0.4, 0.0], (draws, 1))
    beta = np.tile(unit(np.array([0.7, 0.5, -0.1, 0.4])), (draws, 1))
    x, _ = labelled_points(rng, mean, n_u)
    brute = (np.sign(np.einsum("kp,knp->kn", beta, x))[..., None] * x).mean(1)
    along, across = rng.standard_normal((draws, n_u)), rng.standard_normal(mean.shape)
    assert_same_moments(pseudo_label_mean(mean, beta, RHO, along, across), brute)


def test_labelled_mean_has_the_moments_of_brute_force():
    """In the coordinates of B and of its complement, 400 trials of 50 tasks."""
    block = {"p": 6, "r": 2, "T": 50, "n": 8, "rho": RHO, "signals": [1.5]}
    sample = draw(make_scenario(block), range(400), seed=3)
    rng = np.random.default_rng(2)
    x, y = labelled_points(rng, np.pad(1.5 * unit(rng.standard_normal((20_000, 2))), [(0, 0), (0, 4)]), 8)
    full = np.linalg.qr(np.concatenate([sample.basis, rng.standard_normal((400, 6, 4))], axis=2))[0]
    signs = np.sign(np.einsum("kpr,kpr->kr", full[:, :, :2], sample.basis))
    full[:, :, :2] *= signs[:, None]
    assert_same_moments((sample.labelled @ full).reshape(-1, 6), (y[..., None] * x).mean(1))


@pytest.mark.parametrize("variant", ["clean", "pseudo"])
def test_angles_agree_with_a_simulation_that_draws_every_point(variant):
    """Mean sin Theta over 300 trials, within 4 Monte-Carlo standard errors."""
    block = {"p": 15, "r": 2, "T": 6, "n": 10, "n_u": 30, "rho": RHO, "signals": [1.5]}
    rng, trials = np.random.default_rng(5), 300
    basis = np.linalg.qr(rng.standard_normal((trials, 15, 2)))[0]
    means = 1.5 * unit(rng.standard_normal((trials, 6, 2))) @ basis.swapaxes(1, 2)
    x, y = labelled_points(rng, means, 10)
    u = (y[..., None] * x).mean(2)
    if variant == "pseudo":
        more, _ = labelled_points(rng, means, 30)
        yhat = np.sign(np.einsum("ktp,ktnp->ktn", clean(u), more))
        u = (10 * u + (yhat[..., None] * more).sum(2)) / 40
    brute = sin_theta(top_directions(clean(u), 2), basis)[0]
    ours = run_scenario(block, trials=trials, variants=[variant])[variant]["sin_theta_op"]
    assert abs(brute.mean() - ours.mean()) < 4 * np.sqrt((brute.var() + ours.var()) / trials)


def test_sparse_basis_lives_on_its_support():
    sample = draw(make_scenario({"p": 30, "r": 2, "T": 4, "n": 5, "support": 7}), range(3), seed=0)
    assert (np.count_nonzero(np.abs(sample.basis).sum(2), axis=1) == 7).all()
    np.testing.assert_allclose(
        sample.basis.swapaxes(1, 2) @ sample.basis, np.tile(np.eye(2), (3, 1, 1)), atol=1e-12
    )


def test_changing_one_parameter_leaves_the_other_draws():
    block = {"p": 10, "r": 2, "T": 4, "n": 5, "n_u": 20}
    a, b = (draw(make_scenario({**block, "n_u": n_u}), range(2), seed=1) for n_u in (20, 40))
    np.testing.assert_array_equal(a.labelled, b.labelled)
    np.testing.assert_array_equal(a.target_mean, b.target_mean)
    assert not np.array_equal(a.pseudo, b.pseudo)
