"""Judge claims about rates: is a fitted exponent what theory says, to within a stated margin?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from advtransfer.evaluation.claims import Claim


def within(low: float, high: float, margin: float) -> str:
    """The verdict on a claim of equality: where the interval [low, high] of a difference lies."""
    if -margin < low and high < margin:
        return "supported"
    return "refuted" if low > margin or high < -margin else "inconclusive"


def judge(claim: Claim, rates: pd.DataFrame | None) -> dict[str, Any]:
    """The row of claims.json for a claim with a ``rate``; the estimate is the fitted slope.

    ``exact`` says whether the interval holds the exponent itself: mostly not, as it measures the noise over trials
    and not how far the sizes are from where the exponent holds. Intervals are bootstrapped, so there is no p value.

    Raises ValueError, naming the claim, where the rate was not fitted.
    """
    rate, row = claim["rate"], _row(claim, rates)
    low, high = row["slope_low"], row["slope_high"]
    numbers = {"estimate": row["slope"], "ci_low": low, "ci_high": high}
    theory = {key: None if row[key] != row[key] else _rounded(row[key]) for key in ("closed", "bound")}
    return {
        **{key: claim[key] for key in ("id", "claim", "statement", "study", "query", "direction")},
        "margin": claim["margin"],
        "confidence": row["confidence"],
        **{key: _rounded(value) for key, value in numbers.items()},
        "p_holm": None,
        "n": int(row["trials"]),
        "verdict": within(low - rate["exponent"], high - rate["exponent"], claim["margin"]),
        "comparisons": [],
        "rate": {**rate, **theory, "exact": bool(low <= rate["exponent"] <= high)},
    }


def _row(claim: Claim, rates: pd.DataFrame | None) -> dict[str, Any]:
    query, rate = claim["query"], claim["rate"]
    wanted = {"scenario": query["target"], "metric": query["metric"]}
    wanted |= {"parameter": rate["over"], "variant": rate["variant"]}
    found = [r for r in _records(rates) if all(r[key] == value for key, value in wanted.items())]
    if len(found) != 1 or found[0]["confidence"] != claim["confidence"]:
        raise ValueError(
            f"claim {claim['id']!r}: found {len(found)} rates of {wanted}, expected one with "
            f"{claim['confidence']:g} intervals"
        )
    return found[0]


def _records(rates: pd.DataFrame | None) -> list[dict[str, Any]]:
    return [] if rates is None else rates.to_dict("records")  # type: ignore[return-value]


def _rounded(value: float) -> float:
    return round(float(value), 9) + 0.0
