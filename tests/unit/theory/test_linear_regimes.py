"""The regimes that separate the claims, and the promises about trials and seeds."""

import numpy as np
import pytest
from theory_blocks import HETEROGENEOUS, HOMOGENEOUS, MILD, SILENT, SPARSE

from advtransfer.theory.linear import study
from advtransfer.theory.linear.study import VARIANTS, run_scenario

# Reference sin Theta (operator norm), 200 trials.
HETEROGENEOUS_DENSE = {
    "clean": 0.695,
    "adversarial_l2": 0.409,
    "adversarial_linf": 0.935,
    "pseudo": 0.651,
    "pseudo_l2": 0.136,
    "plain_svd": 0.406,
}
HOMOGENEOUS_SPARSE = {
    "clean": 0.618,
    "adversarial_l2": 0.618,
    "adversarial_linf": 0.182,
    "pseudo": 0.306,
    "pseudo_linf": 0.064,
}
HOMOGENEOUS_DENSE = {
    "clean": 0.222,
    "adversarial_l2": 0.222,
    "adversarial_linf": 0.596,
    "pseudo": 0.077,
    "pseudo_l2": 0.077,
}
REGIMES = {
    "heterogeneous dense": (HETEROGENEOUS, HETEROGENEOUS_DENSE),
    "homogeneous sparse": (SPARSE, HOMOGENEOUS_SPARSE),
    "homogeneous dense": (HOMOGENEOUS, HOMOGENEOUS_DENSE),
    "nearly all silent": (SILENT, {"clean": 0.99, "adversarial_l2": 0.50, "plain_svd": 0.71}),
}


@pytest.mark.parametrize("name", REGIMES)
def test_regime_table(name):
    """Tolerance: 4 standard errors of the difference of two means of 200 trials, and half a last digit."""
    block, expected = REGIMES[name]
    result = run_scenario(block, trials=200, seed=0, variants=list(expected))
    for variant, reference in expected.items():
        angles = result[variant]["sin_theta_op"]
        tolerance = 4 * angles.std() * np.sqrt(2 / 200) + 0.005
        assert angles.mean() == pytest.approx(reference, abs=tolerance), variant


def test_control_adversarial_training_does_not_help_homogeneous_dense_tasks():
    result = run_scenario(HOMOGENEOUS, variants=["clean", "adversarial_l2", "adversarial_linf"])
    angles = {variant: metrics["sin_theta_op"] for variant, metrics in result.items()}
    np.testing.assert_array_equal(angles["clean"], angles["adversarial_l2"])
    assert (angles["adversarial_linf"] > angles["clean"]).all()


def test_no_l2_radius_helps_under_mild_heterogeneity():
    clean = run_scenario(MILD, trials=60, variants=["clean"])["clean"]["sin_theta_op"]
    for eps in np.arange(0.5, 3.0, 0.25):
        block = {**MILD, "eps_l2": float(eps)}
        l2 = run_scenario(block, trials=60, variants=["adversarial_l2"])["adversarial_l2"]["sin_theta_op"]
        assert l2.mean() > clean.mean() - 0.005


def test_a_representation_pays_off_between_no_transfer_and_the_oracle():
    result = run_scenario(HETEROGENEOUS, variants=["no_transfer", "clean", "pseudo_l2", "oracle"])
    risks = [result[v]["excess_risk"].mean() for v in ("no_transfer", "clean", "pseudo_l2", "oracle")]
    assert risks == sorted(risks, reverse=True)
    assert result["oracle"]["sin_theta_op"].max() < 1e-7
    assert "sin_theta_op" not in result["no_transfer"]


def assert_equal_results(a, b, trials):
    for variant, metrics in a.items():
        for metric, values in metrics.items():
            np.testing.assert_allclose(
                values[trials], b[variant][metric], rtol=1e-12, err_msg=f"{variant} {metric}"
            )


def test_trials_do_not_depend_on_how_many_run_or_in_which_chunks(monkeypatch):
    whole = run_scenario(HETEROGENEOUS, trials=7, seed=4)
    assert set(whole) == set(VARIANTS)
    assert_equal_results(whole, run_scenario(HETEROGENEOUS, trials=3, seed=4), slice(0, 3))
    assert_equal_results(whole, run_scenario(HETEROGENEOUS, trials=4, seed=4, first=3), slice(3, 7))
    monkeypatch.setattr(study, "CHUNK", 1)
    assert_equal_results(whole, run_scenario(HETEROGENEOUS, trials=7, seed=4), slice(0, 7))


def test_variants_do_not_influence_each_other_and_seeds_do():
    alone = run_scenario(HETEROGENEOUS, trials=3, variants=["clean"])["clean"]["sin_theta_op"]
    together = run_scenario(HETEROGENEOUS, trials=3)["clean"]["sin_theta_op"]
    other = run_scenario(HETEROGENEOUS, trials=3, variants=["clean"], seed=1)["clean"]["sin_theta_op"]
    np.testing.assert_array_equal(alone, together)
    assert not np.array_equal(alone, other)


def test_noiseless_tasks_reveal_the_representation():
    result = run_scenario({**HOMOGENEOUS, "rho": 0.0}, trials=2, variants=["clean", "pseudo", "plain_svd"])
    for metrics in result.values():
        assert metrics["sin_theta_op"].max() < 1e-6
        assert metrics["error"].max() == 0
