"""Fitted exponents beside the expected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from advtransfer.theory.linear.expected import bound, closed, expected_slope, leading
from advtransfer.theory.linear.rates import fit_rate
from advtransfer.theory.linear.scenario import make_scenario
from advtransfer.theory.linear.study import Metrics

REPRESENTATION = ("sin_theta_op", "sin_theta_fro", "representation_excess")
HEAD = ("head_excess",)  # what n_target changes; the representation does not see the target
SMALLEST = 1e-9  # means below this are rounding errors, which have no rate


@dataclass(frozen=True)
class RateRow:
    """How one metric of one variant scales with the swept parameter; a theory without a rate is None."""

    variant: str
    metric: str
    slope: float
    low: float
    high: float
    leading: float | None  # asymptotic rate
    closed: float | None  # spiked-matrix form with its finite sizes
    bound: float | None  # worst case

    @property
    def excludes_leading(self) -> bool:
        """True when the interval does not contain the asymptotic rate."""
        return self.leading is not None and not self.low <= self.leading <= self.high


def compare_rates(
    block: Mapping[str, Any],
    curves: Mapping[str, Metrics],
    *,
    parameter: str,
    values: Sequence[float],
    metrics: Sequence[str] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
) -> list[RateRow]:
    """One row per variant and metric of a `sweep` of `block`; metrics that vanish somewhere are left out.

    Default metrics: those of the representation, or for n_target that of the head.
    """
    s = make_scenario(block)
    metrics = metrics or (HEAD if parameter == "n_target" else REPRESENTATION)
    rows = []
    for variant, measured in curves.items():
        for metric in metrics:
            if metric not in measured or np.min(measured[metric].mean(axis=1)) < SMALLEST:
                continue
            rate = fit_rate(values, measured[metric], level=level, resamples=resamples)
            theory = [
                expected_slope(f, s, variant, metric, parameter=parameter, values=values)
                for f in (leading, closed, bound)
            ]
            rows.append(RateRow(variant, metric, rate.slope, rate.low, rate.high, *theory))
    return rows
