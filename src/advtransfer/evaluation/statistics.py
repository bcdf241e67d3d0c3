"""Paired differences over replicas: Student's t intervals, two-sided p values, Holm's correction.

Replicas are paired across variants (same split, same initialisation, same batches), so a difference is taken
within each replica and its spread over replicas is what the interval measures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advtransfer.evaluation.table import SETTING, per_replica

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` replicas, its confidence interval and the two-sided p value of "the mean is 0"."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def estimate(values: Iterable[float], confidence: float = 0.95) -> Estimate:
    """Student's t estimate of the mean of ``values`` (one per replica).

    With one value or none there is no spread to measure: the bounds and p are nan. Sums are exactly rounded
    (``math.fsum``), so the result does not depend on the order of the replicas.
    """
    x = [float(value) for value in values]
    n = len(x)
    mean = math.fsum(x) / n if n else math.nan
    if n < 2 or math.isnan(mean):
        return Estimate(mean, math.nan, math.nan, math.nan, n)
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in x) / (n - 1) / n)
    half = _t_quantile(0.5 + confidence / 2, n - 1) * error
    return Estimate(mean, mean - half, mean + half, _p_value(mean, error, n - 1), n)


def moved(found: Estimate, by: float, confidence: float = 0.95) -> Estimate:
    """The estimate as it would be with its mean ``by`` elsewhere and the same spread over the replicas.

    ``confidence`` is that of its interval. Without an interval the bounds and p stay nan.
    """
    mean, half = found.mean + by, (found.high - found.low) / 2
    if found.n < 2 or math.isnan(half):
        return Estimate(mean, math.nan, math.nan, math.nan, found.n)
    error = half / _t_quantile(0.5 + confidence / 2, found.n - 1)
    return Estimate(mean, found.low + by, found.high + by, _p_value(mean, error, found.n - 1), found.n)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values of Holm (1979), in the order given; a nan stays nan but counts as a test."""
    count = len(p_values)
    adjusted = [math.nan] * count
    running = 0.0
    order = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, (count - rank) * p))
        adjusted[i] = running
    return adjusted


def means(rows: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Mean and interval over replicas: columns ``SETTING``, variant, mean, low, high, p, n."""
    return _estimates(per_replica(rows), confidence)


def paired_differences(rows: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Every variant minus ``baseline``, paired by replica, per setting: columns as ``means``."""
    return _estimates(differences(per_replica(rows), baseline), confidence)


def differences(values: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Rows of ``per_replica`` of the other variants, with the same replica's value of ``baseline`` taken off.

    A replica that lacks one of the two is left out: the ``n`` of the estimate says how many pairs there were.
    """
    base = values[values["variant"] == baseline].drop(columns="variant")
    others = values[values["variant"] != baseline]
    pairs = others.merge(base, on=[*SETTING, "replica"], suffixes=("", "_base"))
    return pairs.assign(value=pairs["value"] - pairs["value_base"]).drop(columns="value_base")


def _estimates(values: pd.DataFrame, confidence: float) -> pd.DataFrame:
    import pandas as pd

    records = []
    for key, group in values.groupby([*SETTING, "variant"], observed=True):
        e = estimate(group["value"], confidence)
        records.append((*key, e.mean, e.low, e.high, e.p, e.n))
    return pd.DataFrame(records, columns=[*SETTING, "variant", "mean", "low", "high", "p", "n"])


# scipy.special, not scipy.stats: the same functions of the t distribution at a third of the import time.
def _t_quantile(probability: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _p_value(mean: float, error: float, degrees: int) -> float:
    from scipy.special import stdtr

    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return min(1.0, 2.0 * float(stdtr(degrees, -abs(mean) / error)))
