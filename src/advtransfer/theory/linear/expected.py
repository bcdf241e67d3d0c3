"""The rates theory expects, beside which fitted slopes are shown.

Three answers to "how does this metric scale": `leading` (what the metric tends to, proportionality constants
left out), `closed` (the spiked-matrix form, with its finite sizes) and `bound` (Wedin's theorem and a
Lipschitz step, docs/theory.md: a worst case, in r, n and n_target looser than what happens). All are
functions of a scenario, so the slope they have on a grid is comparable with the slope fitted on that grid,
also where the rate is no power (sqrt(log p)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from advtransfer.theory.linear.rates import slope
from advtransfer.theory.linear.scenario import Scenario, only_strong, vary
from advtransfer.theory.linear.spiked import closed_form

DENSE = ("clean", "plain_svd", "adversarial_l2", "pseudo", "plain_svd_pseudo", "pseudo_l2")
SPARSE = ("adversarial_linf", "pseudo_linf")
RateFunction = Callable[[Scenario, str, str], float | None]


def leading(s: Scenario, variant: str, metric: str) -> float | None:
    """Leading-order size of a metric, or None where theory gives none.

    sin_theta_op: rho sqrt(p r / (k N)) / a for dense tasks, k of them at the first level a; rho sqrt(s log p
    / N) / a for linf on a support of s; N is n, or n_u with pseudo-labels. sin_theta_fro: sqrt(r) times that;
    representation_excess: |a| times its square; head_excess: (r - 1) rho^2 / (2 |a| n_target).
    """
    if metric == "head_excess":
        return (s.r - 1) * s.rho**2 / (2 * s.target_signal * s.n_target)
    angle = _leading_angle(s, variant)
    if angle is None:
        return None
    factor = {"sin_theta_op": angle, "sin_theta_fro": angle * math.sqrt(s.r)}
    factor["representation_excess"] = s.target_signal * angle**2
    return factor.get(metric)


def closed(s: Scenario, variant: str, metric: str) -> float | None:
    """The spiked-matrix form of sin_theta_fro; None for other metrics and where it does not hold."""
    angle = closed_form(s, variant) if metric == "sin_theta_fro" else None
    return None if angle is None else angle * math.sqrt(s.r)


def bound(s: Scenario, variant: str, metric: str) -> float | None:
    """Worst-case rate: r rho (sqrt(p / (k N)) + sqrt(1 / N)) / a, or r rho sqrt(s log p / N) / a for linf.

    Excess risks are bounded by |a| times the distance to the best classifier, hence one power of the angle
    (not two) and rho sqrt(r / n_target) for the head. N is n, or n + n_u with pseudo-labels, taken as right.
    """
    if metric == "head_excess":
        return s.rho * math.sqrt(s.r / s.n_target)
    angle = _bound_angle(s, variant)
    if angle is None:
        return None
    factor = {"sin_theta_op": angle, "sin_theta_fro": angle, "representation_excess": s.target_signal * angle}
    return factor.get(metric)


def expected_slope(
    rate: RateFunction, s: Scenario, variant: str, metric: str, *, parameter: str, values: Sequence[float]
) -> float | None:
    """Log-log slope of a rate over the values of a parameter, None where the rate is undefined or 0."""
    heights = [rate(vary(s, parameter, value), variant, metric) for value in values]
    positive = [height for height in heights if height]
    return float(slope(values, np.array(positive))) if len(positive) == len(values) else None


def _leading_angle(s: Scenario, variant: str) -> float | None:
    points = s.n_u if "pseudo" in variant else s.n
    if not points or not s.signals[0]:
        return None
    noise = s.rho / (s.signals[0] * math.sqrt(points))
    if variant in SPARSE and s.support:
        return noise * math.sqrt(s.support * math.log(s.p))
    if variant in DENSE and _strong_tasks_decide(s, variant):
        return noise * math.sqrt(s.p * s.r / only_strong(s).T)
    return None


def _bound_angle(s: Scenario, variant: str) -> float | None:
    if not s.signals[0]:
        return None
    noise = s.rho / (s.signals[0] * math.sqrt(s.n_pseudo if "pseudo" in variant else s.n))
    if variant in SPARSE and s.support:
        return s.r * noise * math.sqrt(s.support * math.log(s.p))
    if variant in DENSE and _strong_tasks_decide(s, variant):
        return s.r * noise * (math.sqrt(s.p / only_strong(s).T) + 1)
    return None


def _strong_tasks_decide(s: Scenario, variant: str) -> bool:
    """Whether the tasks of the first level, at least r of them, decide the angle."""
    one_level = len(s.signals) == 1
    return s.r <= only_strong(s).T and (one_level or variant.endswith("_l2") or variant == "plain_svd")
