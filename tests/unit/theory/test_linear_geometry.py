"""Subspaces, risks and the head against independent computations."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.stats import norm

from advtransfer.theory.linear.model import unit
from advtransfer.theory.linear.risk import head, split_excess, target_metrics
from advtransfer.theory.linear.subspace import sin_theta, top_directions

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("tasks", [6, 30])
def test_top_directions_span_the_top_singular_space(tasks):
    m = RNG.standard_normal((4, tasks, 12))
    found = top_directions(m, 3)
    np.testing.assert_allclose(found.swapaxes(1, 2) @ found, np.tile(np.eye(3), (4, 1, 1)), atol=1e-10)
    for k in range(4):
        truth = np.linalg.svd(m[k].T)[0][:, :3]
        assert subspace_angles(found[k], truth).max() < 1e-7


@pytest.mark.parametrize("tasks", [6, 30])
def test_missing_directions_are_zero_columns_and_a_full_angle(tasks):
    """Only two tasks survive the l2 radius: two features, and sin Theta is 1 for r = 3."""
    m = np.zeros((1, tasks, 12))
    m[0, :2] = RNG.standard_normal((2, 12))
    found = top_directions(m, 3)
    assert np.count_nonzero(np.abs(found).sum(1)) == 2
    basis = np.linalg.qr(RNG.standard_normal((1, 12, 3)))[0]
    assert sin_theta(found, basis)[0] == pytest.approx(1.0)
    assert not top_directions(np.zeros((1, tasks, 12)), 3).any()


def test_sin_theta_is_the_sine_of_the_principal_angles():
    a, b = (np.linalg.qr(RNG.standard_normal((5, 12, 3)))[0] for _ in range(2))
    operator, frobenius = sin_theta(a, b)
    sines = np.sin([subspace_angles(x, y) for x, y in zip(a, b, strict=True)])
    np.testing.assert_allclose(operator, sines.max(1), rtol=1e-6)
    np.testing.assert_allclose(frobenius, np.sqrt((sines**2).sum(1)), rtol=1e-6)


def test_risk_and_error_agree_with_a_million_fresh_points():
    rho, target = 1.3, np.array([[0.8, -0.5, 0.3]])
    beta = 0.7 * unit(np.array([[1.0, 0.2, 0.4]]))
    metrics = target_metrics(beta, target, rho)
    yx = target + rho * RNG.standard_normal((1_000_000, 3))
    margin = yx @ beta[0]
    assert metrics["error"][0] == pytest.approx((margin < 0).mean(), abs=0.002)
    assert metrics["excess_risk"][0] == pytest.approx(np.linalg.norm(target) - margin.mean(), abs=0.005)
    assert metrics["error"][0] == pytest.approx(norm.cdf(-unit(beta)[0] @ target[0] / rho))


def test_error_without_noise_or_without_classifier():
    target = np.array([[1.0, 0.0], [1.0, 0.0]])
    beta = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert target_metrics(beta, target, 0.0)["error"].tolist() == [0.0, 0.5]
    assert target_metrics(beta, target, 1.0)["error"][1] == 0.5


def test_excess_splits_into_representation_and_head():
    features = np.linalg.qr(RNG.standard_normal((6, 8, 3)))[0]
    target, mean = RNG.standard_normal((2, 6, 8))
    beta = head(features, mean)
    parts = split_excess(features, beta, target)
    total = target_metrics(beta, target, 1.0)["excess_risk"]
    np.testing.assert_allclose(parts["representation_excess"] + parts["head_excess"], total)
    assert (parts["representation_excess"] > 0).all()
    assert (parts["head_excess"] > -1e-12).all()
    np.testing.assert_allclose(
        split_excess(features, head(features, target), target)["head_excess"], 0, atol=1e-12
    )
