"""Judge claims: is one variant better than another, over paired replicas, with what certainty?

A claim is a dict as ``claims_file.load`` returns it. It holds one or several comparisons "variant over
baseline" that must all hold. The verdict is

- ``supported`` when in every comparison the interval lies beyond 0 on the claimed side and Holm's p value is
  below 1 - confidence,
- ``refuted`` when in some comparison both lie on the other side,
- ``inconclusive`` otherwise.

A claim of direction ``equal`` says that nothing, or nothing that matters, is gained or lost: the claimed side is
within +- margin, the other side beyond it, and the p value is that of the difference being the margin.
A claim with a ``rate`` instead of comparisons is for ``rate_claims``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation import rate_claims
from advtransfer.evaluation.statistics import Estimate, differences, estimate, holm
from advtransfer.evaluation.table import per_replica

if TYPE_CHECKING:
    import pandas as pd

Claim = dict[str, Any]
SIGNS = {"greater": 1, "less": -1, "equal": 0}
VERDICTS = ("supported", "refuted", "inconclusive")


@dataclass(frozen=True)
class Comparison:
    """One tested difference ``variant - over``.

    ``sign`` is +1 for a claim of greater, -1 for less and 0 for equal to within ``margin``.
    """

    variant: str
    over: str
    sign: int
    confidence: float
    found: Estimate
    p_holm: float = math.nan
    margin: float = 0.0

    @property
    def verdict(self) -> str:
        if not self.p_holm < 1.0 - self.confidence:  # also when nan
            return "inconclusive"
        if self.sign == 0:
            return rate_claims.within(self.found.low, self.found.high, self.margin)
        low, high = sorted((self.sign * self.found.low, self.sign * self.found.high))
        return "supported" if low > 0 else "refuted" if high < 0 else "inconclusive"

    @property
    def weakness(self) -> float:
        """How far the claimed side of the interval reaches: the smallest one decides the claim."""
        if self.sign == 0:
            return self.margin - max(abs(self.found.low), abs(self.found.high))
        bound = self.sign * (self.found.low if self.sign > 0 else self.found.high)
        return -math.inf if math.isnan(bound) else bound


def judge(rows: pd.DataFrame, claims: list[Claim], rates: pd.DataFrame | None = None) -> list[dict[str, Any]]:
    """The rows of claims.json for one study's claims; p values are corrected over all their comparisons.

    ``rates`` (``rates_table``) is what claims about a rate are judged from. Raises ValueError, naming the claim,
    where the metrics or rates hold nothing to compare.
    """
    values = per_replica(rows)
    tests = [(claim, compare(values, claim, pair)) for claim in claims for pair in claim.get("compare", ())]
    adjusted = holm([comparison.found.p for _, comparison in tests])
    judged: dict[str, list[Comparison]] = {claim["id"]: [] for claim in claims}
    for (claim, c), p in zip(tests, adjusted, strict=True):
        judged[claim["id"]].append(replace(c, p_holm=p))
    return [
        rate_claims.judge(claim, rates) if "rate" in claim else _row(claim, judged[claim["id"]])
        for claim in claims
    ]


def compare(values: pd.DataFrame, claim: Claim, pair: dict[str, str]) -> Comparison:
    """Estimate one pair of a claim from the rows of ``per_replica``."""
    chosen = _select(values, claim)
    paired = differences(chosen[chosen["variant"].isin([pair["variant"], pair["over"]])], pair["over"])
    if paired.empty:
        raise ValueError(
            f"claim {claim['id']!r}: no replica has both {pair['variant']!r} and {pair['over']!r} at "
            f"{claim['query']}, found the variants {sorted(chosen['variant'].unique())}"
        )
    # Without a target in the query the claim is about the mean over the study's targets.
    per_pair = paired.groupby("replica")["value"].mean()
    found = estimate(per_pair, claim["confidence"])
    sign, margin = SIGNS[claim["direction"]], claim.get("margin", 0.0)
    if sign == 0:
        found = replace(found, p=estimate(per_pair - math.copysign(margin, found.mean)).p)
    return Comparison(pair["variant"], pair["over"], sign, claim["confidence"], found, margin=margin)


def _select(values: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    wanted = {"study": claim["study"], **claim["query"]}
    keep = values["study"] == claim["study"]
    for column, value in wanted.items():
        if value is not None:
            keep &= values[column] == value
    return values[keep]


def _row(claim: Claim, comparisons: list[Comparison]) -> dict[str, Any]:
    decisive = min(comparisons, key=lambda comparison: comparison.weakness)
    return {
        "id": claim["id"],
        "claim": claim["claim"],
        "statement": claim["statement"],
        "study": claim["study"],
        "query": claim["query"],
        "direction": claim["direction"],
        **({"margin": claim["margin"]} if "margin" in claim else {}),
        "confidence": claim["confidence"],
        **_numbers(decisive),
        "verdict": combined([comparison.verdict for comparison in comparisons]),
        "comparisons": [
            {"variant": c.variant, "over": c.over, **_numbers(c), "verdict": c.verdict} for c in comparisons
        ],
    }


def combined(verdicts: Sequence[str]) -> str:
    """The verdict on a claim all of whose comparisons must hold."""
    if "refuted" in verdicts:
        return "refuted"
    return "inconclusive" if "inconclusive" in verdicts else "supported"


def _numbers(c: Comparison) -> dict[str, float | int | None]:
    """Rounded far below what matters: the last bits of a platform's libraries must not reach the file."""
    found = {"estimate": c.found.mean, "ci_low": c.found.low, "ci_high": c.found.high}
    rounded = {key: _json(round(value, 9)) for key, value in found.items()}
    return {**rounded, "p_holm": _json(float(f"{c.p_holm:.6g}")), "n": c.found.n}


def _json(value: float) -> float | None:
    return None if math.isnan(value) else value + 0.0  # + 0.0 turns -0.0 into 0.0
