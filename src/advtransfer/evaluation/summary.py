"""The few numbers of all studies: a nested dict for `dvc metrics`, a table for `dvc plots`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation.published import DIGITS

if TYPE_CHECKING:
    import pandas as pd


def summary(estimates: pd.DataFrame, claims: list[dict[str, Any]]) -> dict[str, Any]:
    """Per study ``{target: {variant: {protocol: {metric: {shots: mean}}}}, "claims": {id: {...}}}``.

    ``estimates`` is what ``statistics.means`` gives.
    """
    nested: dict[str, Any] = {}
    for row in estimates.to_dict("records"):
        path = (
            *(row[key] for key in ("study", "target", "variant", "protocol", "metric")),
            str(row["shots"]),
        )
        _put(nested, path, _rounded(row["mean"]))
    for claim in claims:
        found = {"estimate": _rounded(claim["estimate"]), "verdict": claim["verdict"]}
        _put(nested, (claim["study"], "claims", claim["id"]), found)
    return nested


def accuracy_by_shots(estimates: pd.DataFrame) -> pd.DataFrame:
    """One row per study, target, protocol, variant and shots: mean accuracy and its interval."""
    chosen = estimates[estimates["metric"] == "accuracy"].drop(columns=["metric", "p"])
    renamed = chosen.rename(columns={"mean": "accuracy", "low": "ci_low", "high": "ci_high", "n": "replicas"})
    return renamed.sort_values(["study", "target", "protocol", "variant", "shots"]).round(DIGITS)


def _put(nested: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        nested = nested.setdefault(key, {})
    nested[path[-1]] = value


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, DIGITS)
