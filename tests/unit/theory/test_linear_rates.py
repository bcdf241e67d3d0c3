"""Fitted exponents: the fit itself, the rates of the theory, and larger runs that come closer."""

import numpy as np
import pytest
from theory_blocks import HETEROGENEOUS, HOMOGENEOUS, LARGER, SPARSE, SWEEPS

from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.linear.comparison import compare_rates
from advtransfer.theory.linear.expected import bound, closed, expected_slope, leading
from advtransfer.theory.linear.rates import fit_rate, sweep
from advtransfer.theory.linear.scenario import make_scenario
from advtransfer.theory.linear.spiked import closed_form, spiked_sin2
from advtransfer.theory.linear.study import run_scenario


def rows(block, parameter, values, variants, trials):
    curves = sweep(block, parameter=parameter, values=values, variants=variants, trials=trials, seed=0)
    table = compare_rates(block, curves, parameter=parameter, values=values, resamples=300)
    return {(row.variant, row.metric): row for row in table}


@pytest.mark.parametrize(
    ("block", "tolerance"),
    [
        ({**HOMOGENEOUS, "T": 50}, 0.01),
        ({**HOMOGENEOUS, "p": 200, "T": 100}, 0.005),
        ({**HOMOGENEOUS, "p": 200, "T": 100, "n": 10}, 0.01),
    ],
)
def test_spiked_matrix_form_predicts_clean_training(block, tolerance):
    """Root mean squared sine per direction, relative tolerance as given; p 100, T 50, n 50: .1719."""
    result = run_scenario(block, trials=200, variants=["clean"])["clean"]["sin_theta_fro"]
    measured = np.sqrt((result**2).mean() / block["r"])
    assert measured == pytest.approx(closed_form(make_scenario(block), "clean"), rel=tolerance)


def test_spiked_matrix_form_at_the_reference_point_and_its_edges():
    point = {"p": 100, "T": 50, "r": 3, "signal2": 4.0, "noise2": 1 / 50}
    assert np.sqrt(spiked_sin2(**point)) == pytest.approx(0.1719, abs=5e-5)
    assert spiked_sin2(**{**point, "signal2": 1e-4}) == 1.0
    assert spiked_sin2(**{**point, "noise2": 0.0}) == 0.0


@pytest.mark.parametrize(
    "variant", ["pseudo", "plain_svd_pseudo", "pseudo_l2", "adversarial_l2", "plain_svd"]
)
def test_closed_forms_predict_the_other_dense_variants(variant):
    """Within 4 % at p 100 and many tasks; the pseudo-label form includes wrong labels."""
    block = {**(HETEROGENEOUS if variant.endswith("l2") else HOMOGENEOUS), "T": 100}
    result = run_scenario(block, trials=40, variants=[variant])[variant]["sin_theta_fro"]
    measured = np.sqrt((result**2).mean() / block["r"])
    assert measured == pytest.approx(closed_form(make_scenario(block), variant), rel=0.04)


def test_fit_recovers_a_power_law_and_its_interval_covers_it():
    rng, values = np.random.default_rng(0), [1, 2, 4, 8]
    truth = np.array(values)[:, None] ** -0.7
    covered = 0
    for _ in range(60):
        rate = fit_rate(values, truth * rng.lognormal(0, 0.3, (4, 80)), resamples=300)
        covered += rate.low <= -0.7 <= rate.high
    assert covered >= 51  # 57 expected of 95 % intervals
    exact = fit_rate(values, truth * np.ones((4, 5)))
    assert (exact.slope, exact.low, exact.high) == pytest.approx((-0.7, -0.7, -0.7))
    assert np.isnan(fit_rate(values, 0 * truth * np.ones((4, 5))).slope)


@pytest.mark.parametrize(
    ("name", "variant", "metric", "reference", "tolerance"),
    [
        ("n", "clean", "sin_theta_op", -0.497, 0.02),
        ("p", "clean", "sin_theta_fro", 0.489, 0.02),
        ("T", "clean", "sin_theta_op", -0.536, 0.03),
        ("p_linf", "adversarial_linf", "sin_theta_op", 0.086, 0.04),
        ("signal", "adversarial_l2", "sin_theta_op", -0.94, 0.02),
        ("signal", "clean", "sin_theta_op", 0.0, 0.1),
        ("n_u_l2", "pseudo_l2", "sin_theta_op", -0.46, 0.04),
        ("n_target", "oracle", "head_excess", -1.0, 0.1),
        ("r", "clean", "sin_theta_fro", 1.0, 0.04),
        ("support", "adversarial_linf", "sin_theta_op", 0.5, 0.12),
    ],
)
def test_rates(name, variant, metric, reference, tolerance):
    """60 trials; references from 200 trials at other seeds; tolerances: 4 standard errors and other grids."""
    block, parameter, values, _ = SWEEPS[name]
    row = rows(block, parameter, values, [variant], 60)[variant, metric]
    assert row.slope == pytest.approx(reference, abs=tolerance)
    if row.closed is not None:
        assert row.slope == pytest.approx(row.closed, abs=0.04)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("n", "clean"),
        ("T", "clean"),
        ("n_u", "pseudo"),
        ("signal", "adversarial_l2"),
        ("n_linf", "adversarial_linf"),
        ("support", "adversarial_linf"),
    ],
)
def test_a_larger_run_comes_closer_to_the_asymptotic_exponent(name, variant):
    gaps = []
    for sweeps in (SWEEPS, LARGER):
        block, parameter, values, _ = sweeps[name]
        row = rows(block, parameter, values, [variant], 25)[variant, "sin_theta_op"]
        gaps.append(abs(row.slope - row.leading))
    assert gaps[1] < 0.7 * gaps[0]


def test_expected_slopes_are_the_exponents_of_the_theory():
    s = make_scenario(HOMOGENEOUS)

    def slopes(rate, parameter, metric="sin_theta_op", variant="clean", scenario=s):
        options = {"parameter": parameter, "values": [100, 200, 400]}
        return expected_slope(rate, scenario, variant, metric, **options)

    assert [slopes(leading, k) for k in ("n", "p", "T", "signal")] == pytest.approx([-0.5, 0.5, -0.5, -1])
    assert slopes(leading, "n_u", variant="pseudo") == pytest.approx(-0.5)
    assert slopes(leading, "n", "representation_excess") == pytest.approx(-1)
    assert slopes(leading, "n_target", "head_excess") == pytest.approx(-1)
    assert slopes(bound, "n_target", "head_excess") == pytest.approx(-0.5)
    assert slopes(bound, "n", "representation_excess") == pytest.approx(-0.5)
    assert slopes(closed, "n") is None
    sparse = make_scenario(SPARSE)
    log_p = np.log(np.log(400) / np.log(100)) / np.log(4) / 2
    linf = slopes(leading, "p", variant="adversarial_linf", scenario=sparse)
    assert linf == pytest.approx(log_p, abs=0.002)
    assert slopes(leading, "n", scenario=make_scenario(HETEROGENEOUS)) is None


def test_sweep_refuses_values_without_a_logarithm():
    with pytest.raises(InvalidScenario, match="values = "):
        sweep(HOMOGENEOUS, parameter="n_u", values=[0, 10])
