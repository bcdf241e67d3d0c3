"""Simulate one scenario of the linear transfer model, and fit the rates of its sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from advtransfer.evaluation import rates_table, table
from advtransfer.evaluation.statistics import estimate
from advtransfer.theory.linear.comparison import compare_rates
from advtransfer.theory.linear.rates import sweep
from advtransfer.theory.linear.study import Metrics, run_scenario

CONFIDENCE = 0.95


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """params: row (study, kind, source, target), seed, trials, estimators, scenario, sweeps.

    ``estimators`` maps names of variants to those of ``theory.linear``. No inputs. outputs: metrics (a replica is
    a trial), rates.
    """
    table.write(_measurements(params), outputs["metrics"])
    rates_table.write(list(_rates(params)), outputs["rates"])


def _measurements(params: dict[str, Any]) -> pd.DataFrame:
    names = {estimator: variant for variant, estimator in params["estimators"].items()}
    found = run_scenario(
        params["scenario"], trials=params["trials"], seed=params["seed"], variants=list(names)
    )
    frames = [
        pd.DataFrame({"value": values, "replica": range(len(values))}).assign(
            variant=names[name], metric=metric
        )
        for name, metrics in found.items()
        for metric, values in metrics.items()
    ]
    return pd.concat(frames, ignore_index=True).assign(**params["row"], protocol="theory", shots=0, draw=0)


def _rates(params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = {estimator: variant for variant, estimator in params["estimators"].items()}
    for parameter, asked in params["sweeps"].items():
        curves = sweep(
            params["scenario"],
            parameter=parameter,
            values=asked["values"],
            trials=params["trials"],
            seed=params["seed"],
            variants=[params["estimators"][variant] for variant in asked["variants"]],
        )
        fitted = compare_rates(
            params["scenario"], curves, parameter=parameter, values=asked["values"], level=CONFIDENCE
        )
        for rate in fitted:
            yield {
                "scenario": params["row"]["target"],
                "parameter": parameter,
                "variant": names[rate.variant],
                "metric": rate.metric,
                **_points(asked["values"], curves[rate.variant], rate.metric),
                "slope": rate.slope,
                "slope_low": rate.low,
                "slope_high": rate.high,
                "confidence": CONFIDENCE,
                "leading": rate.leading,
                "closed": rate.closed,
                "bound": rate.bound,
                "trials": params["trials"],
            }


def _points(values: list[float], curves: Metrics, metric: str) -> Mapping[str, list[float]]:
    points = [estimate(trials, CONFIDENCE) for trials in curves[metric]]
    return {
        "values": list(map(float, values)),
        "means": [point.mean for point in points],
        "lows": [point.low for point in points],
        "highs": [point.high for point in points],
    }
