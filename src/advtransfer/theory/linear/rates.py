"""Sweeps over one parameter and the log-log slopes fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from advtransfer.seeding import stream
from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.linear.model import Floats
from advtransfer.theory.linear.scenario import make_scenario, vary
from advtransfer.theory.linear.study import VARIANTS, Metrics, run_scenario


@dataclass(frozen=True)
class Rate:
    """A fitted exponent and its bootstrap percentile interval."""

    slope: float
    low: float
    high: float


def sweep(
    block: Mapping[str, Any],
    *,
    parameter: str,
    values: Sequence[float],
    trials: int = 200,
    seed: int = 0,
    variants: Sequence[str] = VARIANTS,
    first: int = 0,
) -> dict[str, Metrics]:
    """Run the scenario at each value of one parameter: {variant: {metric: float64 [values, trials]}}.

    `parameter` is any key of a scenario, or `signal` for the strongest source level. Trial i has the same
    streams at every value, so a curve belongs to a trial; `fit_rate` resamples whole trials.
    """
    base = make_scenario(block)
    if len(set(values)) < 2 or min(values) <= 0:
        raise InvalidScenario(f"values = {list(values)}: expected at least two different numbers above 0")
    runs = [
        run_scenario(vary(base, parameter, value), trials=trials, seed=seed, variants=variants, first=first)
        for value in values
    ]
    return {
        variant: {metric: np.stack([run[variant][metric] for run in runs]) for metric in metrics}
        for variant, metrics in runs[0].items()
    }


def slope(values: Sequence[float] | Floats, heights: Floats) -> Floats:
    """Least-squares slope of log(heights) on log(values); heights [values, ...], result [...]."""
    x = np.log(np.asarray(values, dtype=float))
    x = x - x.mean()
    return np.tensordot(x, np.log(heights), axes=(0, 0)) / (x @ x)


def fit_rate(
    values: Sequence[float], samples: Floats, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Rate:
    """Exponent b of mean(samples) ~ values^b with a bootstrap interval over trials; samples [values, trials].

    Trials are resampled as whole curves, which is right whether or not the points of a curve are correlated.
    A mean that is not positive has no logarithm: all three numbers are then nan.
    """
    if np.min(samples.mean(axis=1)) <= 0:
        return Rate(np.nan, np.nan, np.nan)
    trials = samples.shape[1]
    picks = stream(seed, "bootstrap").integers(trials, size=(resamples, trials))
    counts = np.stack([np.bincount(row, minlength=trials) for row in picks])
    drawn = slope(values, samples @ counts.T / trials)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Rate(float(slope(values, samples.mean(axis=1))), float(low), float(high))
