"""Each closed-form estimator against a numerical optimiser of the loss it is meant to minimise."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, NonlinearConstraint, minimize

from advtransfer.theory.linear.estimators import adversarial_l2, adversarial_linf, clean

P = 5
CASES = [(norm, eps, seed) for norm in ("none", "l2", "linf") for eps in (0.3, 0.9) for seed in range(3)]
ESTIMATORS = {"none": lambda u, eps: clean(u), "l2": adversarial_l2, "linf": adversarial_linf}
DUAL = {"none": lambda b: 0.0, "l2": np.linalg.norm, "linf": lambda b: np.abs(b).sum()}


def task_mean(seed):
    return np.random.default_rng(seed).standard_normal(P)


def optimum(u, norm, eps):
    """min over |beta|_2 <= 1 of -<beta, u> + eps |beta|_dual by SLSQP on beta = plus - minus, both >= 0."""

    def objective(v):
        beta = v[:P] - v[P:]
        size = v.sum() if norm == "linf" else DUAL[norm](beta)  # |beta|_1 = sum(plus + minus) at the optimum
        return -beta @ u + eps * size

    ball = NonlinearConstraint(lambda v: ((v[:P] - v[P:]) ** 2).sum(), -np.inf, 1.0)
    positive = LinearConstraint(np.eye(2 * P), 0, np.inf)
    starts = np.random.default_rng(0).uniform(0.05, 0.5, (3, 2 * P))
    runs = [minimize(objective, v, method="SLSQP", constraints=[ball, positive]) for v in starts]
    best = min(runs, key=lambda run: run.fun)
    return best.fun, best.x[:P] - best.x[P:]


@pytest.mark.parametrize(("norm", "eps", "seed"), CASES)
def test_closed_form_reaches_the_numerical_optimum(norm, eps, seed):
    u = task_mean(seed)
    beta = ESTIMATORS[norm](u, eps)
    value, numeric = optimum(u, norm, eps)
    ours = -beta @ u + eps * DUAL[norm](beta)
    assert ours == pytest.approx(value, abs=1e-5)
    np.testing.assert_allclose(beta, numeric, atol=5e-3)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_radius_beyond_the_mean_gives_zero(norm):
    u = task_mean(7)
    eps = 1.01 * (np.linalg.norm(u) if norm == "l2" else np.abs(u).max())
    np.testing.assert_array_equal(ESTIMATORS[norm](u, eps), np.zeros(P))


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_worst_perturbation_of_the_data_costs_eps_times_the_dual_norm(norm):
    """mean of max_delta -y <beta, x + delta> = -<beta, mean(y x)> + eps |beta|_dual, by random search."""
    rng, eps = np.random.default_rng(3), 0.4
    x, y, beta = rng.standard_normal((20, P)), rng.choice([-1, 1], 20), rng.standard_normal(P)
    delta = rng.standard_normal((200_000, P))
    if norm == "l2":
        delta *= eps / np.linalg.norm(delta, axis=1, keepdims=True)
    else:
        delta = eps * np.sign(delta)
    searched = np.mean([(-label * ((point + delta) @ beta)).max() for point, label in zip(x, y, strict=True)])
    exact = -beta @ (y[:, None] * x).mean(0) + eps * DUAL[norm](beta)
    assert exact * (1 + 1e-9) >= searched >= exact - 0.02 * eps * DUAL[norm](beta)
