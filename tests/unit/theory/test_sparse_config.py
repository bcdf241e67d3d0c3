"""Scenarios of the sparse-coding study: one clear line for bad input, and no torch needed to check them."""

import subprocess
import sys

import pytest

from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.sparse_coding.config import make_scenario


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ({"active": 31}, "active = 31.0: expected a number above 0 and at most d = 30"),
        ({"noise": -0.1}, "noise = -0.1: expected at least 0"),
        ({"units": 0}, "units = 0: expected at least 1"),
        ({"steps": 1.5}, "steps = 1.5: expected an integer"),
        ({"learning_rate": 0}, "learning_rate = 0.0: expected a number above 0"),
        ({"activation": "gelu"}, "activation = gelu: expected one of soft_threshold, relu, relu_no_bias"),
        ({"variants": {"mine": "linf"}}, "variants.mine = linf: expected one of untrained, none"),
        ({"variants": []}, "variants = []: expected a table of name: perturbation"),
        ({"attack_eps": 0.2}, "attack_eps = 0.2: expected a list of numbers"),
        ({"attack_eps": [0.2, 0]}, "attack_eps = [0.2, 0.0]: expected radii above 0"),
        ({"eps": "big"}, "eps = 'big': expected a finite number"),
        ({"width": 3}, "width: unknown scenario key"),
    ],
)
def test_bad_input_is_one_line_that_names_the_key(block, line):
    with pytest.raises(InvalidScenario) as error:
        make_scenario(block)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_checking_scenarios_of_both_kinds_does_not_import_torch():
    code = (
        "import sys, advtransfer.theory.linear.comparison, advtransfer.theory.sparse_coding.config;"
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
