"""Scenarios: defaults, derived numbers, and one clear line for every bad input."""

import numpy as np
import pytest
from theory_blocks import HETEROGENEOUS, SCENARIOS

from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.linear.scenario import make_scenario, only_strong, vary
from advtransfer.theory.linear.study import run_scenario

SMALL = {"p": 10, "r": 2, "T": 4, "n": 5}


@pytest.mark.parametrize("block", SCENARIOS.values(), ids=SCENARIOS)
def test_every_shipped_scenario_is_valid(block):
    assert make_scenario(block).levels().shape == (block["T"],)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"r": 11}, "r = 11: expected at most p = 10"),
        ({"T": 1}, "T = 1: expected at least r = 2"),
        ({"rho": -1}, "rho = -1.0: expected at least 0"),
        ({"support": 11}, "support = 11: expected at most p = 10"),
        ({"support": 1}, "support = 1: expected 0 (dense) or at least r = 2"),
        ({"n": 0}, "n = 0: expected at least 1"),
        ({"n": 2.5}, "n = 2.5: expected an integer"),
        ({"n": "many"}, "n = 'many': expected a finite number"),
        ({"rho": float("nan")}, "rho = nan: expected a finite number"),
        ({"signals": 2.0}, "signals = 2.0: expected a list of numbers"),
        ({"signals": [1, 2], "shares": [0.5, 0.5]}, "the strongest level first"),
        ({"signals": [2, 1]}, "shares = [1.0]: expected one share per level of signals"),
        ({"signals": [2, 1], "shares": [0.5, 0.6]}, "a sum of 1"),
        ({"eps_l2": -0.1}, "eps_l2 = -0.1: expected at least 0"),
        ({"epsilon": 1}, "epsilon: unknown scenario key"),
    ],
)
def test_bad_input_is_one_line_that_names_the_key(change, line):
    with pytest.raises(InvalidScenario) as error:
        make_scenario({**SMALL, **change})
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_key_unknown_variant_and_no_trials_are_refused():
    with pytest.raises(InvalidScenario, match="T: missing"):
        make_scenario({"p": 10, "r": 2, "n": 5})
    with pytest.raises(InvalidScenario, match="variants: unknown magic"):
        run_scenario(SMALL, variants=["magic"])
    with pytest.raises(InvalidScenario, match="trials = 0"):
        run_scenario(SMALL, trials=0)


def test_shares_become_counts_by_largest_remainder():
    block = {**SMALL, "T": 7, "signals": [3.0, 2.0, 1.0], "shares": [0.5, 0.3, 0.2]}
    assert make_scenario(block).levels().tolist() == [3, 3, 3, 3, 2, 2, 1]  # 3.5, 2.1, 1.4


def test_radii_follow_the_noise_of_the_points_behind_a_mean():
    s = make_scenario({**SMALL, "n_u": 15, "rho": 2.0, "eps_l2_noise": 1.0, "eps_linf_noise": 0.5})
    assert s.radius_l2() == pytest.approx(2 * np.sqrt(10 / 5))
    assert s.radius_l2(pseudo=True) == pytest.approx(2 * np.sqrt(10 / 20))
    assert s.radius_linf(pseudo=True) == pytest.approx(0.5 * 2 * np.sqrt(2 * np.log(10) / 20))


def test_vary_and_only_strong():
    s = make_scenario(HETEROGENEOUS)
    assert vary(s, "signal", 5).signals == (5.0, 0.3)
    assert vary(s, "n", 70).n == 70
    assert only_strong(s).levels().tolist() == [3.0] * 8
