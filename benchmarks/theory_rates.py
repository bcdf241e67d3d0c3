"""Do larger sizes bring the fitted exponents of the linear model closer to those of the theory?

    OMP_NUM_THREADS=1 python benchmarks/theory_rates.py

Runs every sweep that the studies linear-theory and linear-theory-large of params.yaml have in common (same parameter,
same variant, same kind of scenario), and prints both slopes with their 95 % intervals beside the asymptotic exponent.
Expected: 15 of 15 distances shrink, in half a minute on one core. Exit code 1 when one grows by more than the noise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from advtransfer.params import load_params
from advtransfer.params.theory import ESTIMATORS, LinearTheory
from advtransfer.theory.linear.comparison import RateRow, compare_rates
from advtransfer.theory.linear.rates import sweep

PARAMS = Path(__file__).parents[1] / "params.yaml"
STUDIES = ("linear-theory", "linear-theory-large")
METRICS = {"n_target": "head_excess"}  # what is fitted, where it is not sin Theta in operator norm
Key = tuple[str, str, str]  # kind of scenario, parameter, variant


def main() -> int:
    params = load_params(PARAMS)
    start = time.perf_counter()
    default, large = (dict(fitted(params.studies[name])) for name in STUDIES)
    common = [key for key in default if key in large and default[key].leading is not None]
    grown = 0
    print(f"{'':48} {'theory':>7}  {'default size':24} larger size")
    for key in common:
        near, far = large[key], default[key]
        shrunk = gap(near) <= gap(far)
        noise = near.high - near.low
        grown += not shrunk and gap(near) - gap(far) > noise
        mark = "" if shrunk else "  not closer"
        print(f"{' '.join(key):48} {near.leading:7.3f}  {told(far):24} {told(near)}{mark}")
    closer = sum(gap(large[key]) <= gap(default[key]) for key in common)
    wall, cpu = time.perf_counter() - start, time.process_time()
    print(f"{closer} of {len(common)} distances shrink; {wall:.0f} s, {cpu:.0f} s of processor time")
    return int(grown > 0)


def fitted(study: LinearTheory) -> Iterator[tuple[Key, RateRow]]:
    """Every sweep of a study: the rate of each of its variants."""
    names = {estimator: variant for variant, estimator in ESTIMATORS.items()}
    for name, scenario in study.scenarios.items():
        for parameter, asked in scenario.sweeps.items():
            variants = [ESTIMATORS[variant] for variant in asked.variants]
            options = {"parameter": parameter, "values": asked.values}
            curves = sweep(scenario.model, **options, variants=variants, trials=study.trials, seed=study.seed)
            metric = METRICS.get(parameter, "sin_theta_op")
            for row in compare_rates(scenario.model, curves, **options, metrics=[metric]):
                yield ("-".join(name.split("-")[:2]), parameter, names[row.variant]), row


def gap(row: RateRow) -> float:
    """Distance of the fitted from the asymptotic exponent."""
    assert row.leading is not None
    return abs(row.slope - row.leading)


def told(row: RateRow) -> str:
    return f"{row.slope:.3f} [{row.low:.3f}, {row.high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
