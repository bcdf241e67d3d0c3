"""What can be published of measurements: their numbers and claims, with the tolerance of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advtransfer.evaluation.published import Results, claim_key, claim_values, flatten
from advtransfer.evaluation.settings import KEY
from advtransfer.evaluation.summary import summary
from advtransfer.evaluation.tolerance import Tolerances, of_claim

if TYPE_CHECKING:
    import pandas as pd


def results(
    estimates: pd.DataFrame, rows: list[dict[str, Any]], tolerances: Tolerances | None = None
) -> Results:
    """``estimates`` is what ``statistics.means`` gives, ``rows`` are those of claims.json; without tolerances none."""
    numbers = flatten(summary(estimates, rows))
    claims = {claim_key(row): claim_values(row) for row in rows}
    if not tolerances:
        return Results(numbers, claims)
    allowed = {
        "/".join(str(row[name]) for name in KEY): tolerances.allowed(row["metric"], row["low"], row["high"])
        for row in estimates.to_dict("records")
    }
    for row in rows:
        allowed[claim_key(row)] = allowed[f"{claim_key(row)}/estimate"] = of_claim(row, tolerances)
    return Results(numbers, claims, allowed, {claim_key(row): 1.0 - row["confidence"] for row in rows})
