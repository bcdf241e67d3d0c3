"""Claims whose verdict hangs by a thread: on another kind of machine it may well be another one.

Every difference of a claim may move by the tolerance of its own estimate (``tolerance.share``); which verdicts the
claim then has is computed from its row in claims.json alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

from advtransfer.evaluation import rate_claims
from advtransfer.evaluation.claims import SIGNS, Comparison, combined
from advtransfer.evaluation.statistics import Estimate, moved
from advtransfer.evaluation.tolerance import share


def borderline(row: Mapping[str, Any]) -> bool:
    """Whether the claim of a row of claims.json may have another verdict within the tolerance of its estimates."""
    return len(reachable(row)) > 1


def reachable(row: Mapping[str, Any]) -> set[str]:
    """The verdicts that the claim has as its estimates move by at most their tolerances, the present one included."""
    if "rate" in row:
        return {_of_rate(row, by) for by in _moves(row)}
    each = [
        {_of_difference(row, difference, by) for by in _moves(difference)}
        for difference in row["comparisons"]
    ]
    return {combined(verdicts) for verdicts in product(*each)} | {row["verdict"]}


def _moves(numbers: Mapping[str, Any]) -> tuple[float, ...]:
    """No move, and the largest ones to both sides; a number without an interval has none."""
    allowed = share(numbers["ci_low"], numbers["ci_high"])
    return (-allowed, 0.0, allowed) if allowed else (0.0,)


def _of_rate(row: Mapping[str, Any], by: float) -> str:
    exponent = row["rate"]["exponent"]
    return rate_claims.within(row["ci_low"] + by - exponent, row["ci_high"] + by - exponent, row["margin"])


def _of_difference(row: Mapping[str, Any], difference: Mapping[str, Any], by: float) -> str:
    """The verdict of one comparison with its mean ``by`` elsewhere; Holm's factor stays what it is."""
    if not by:
        return str(difference["verdict"])
    sign, margin, confidence = SIGNS[row["direction"]], row.get("margin", 0.0), row["confidence"]
    bounds = (difference["ci_low"], difference["ci_high"])
    found = Estimate(difference["estimate"], *bounds, math.nan, difference["n"])
    there = moved(found, by, confidence)
    before, after = (_p(found, 0.0, sign, margin, confidence), _p(found, by, sign, margin, confidence))
    factor = difference["p_holm"] / before if before else 1.0
    return Comparison(
        difference["variant"], difference["over"], sign, confidence, there, min(1.0, after * factor), margin
    ).verdict


def _p(found: Estimate, by: float, sign: int, margin: float, confidence: float) -> float:
    """The p value that decides: of the mean being 0, or, for a claim of equality, of it being the margin."""
    if sign == 0:
        by -= math.copysign(margin, found.mean + by)
    return moved(found, by, confidence).p
