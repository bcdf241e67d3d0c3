"""Pre-train the networks of one scenario on sparse-coding data; measure purity and what a clean head inherits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advtransfer.arithmetic import hold_products
from advtransfer.evaluation import table, units_table
from advtransfer.theory.sparse_coding.study import run_scenario


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """params: row (study, kind, source, target), seed, portable, replicas, scenario.

    No inputs. outputs: metrics, units (alignment and importance of every hidden unit).
    """
    hold_products()
    found = run_scenario(params["scenario"], replicas=params["replicas"], seed=params["seed"])
    metrics = [
        pd.DataFrame({"value": values.astype(np.float64), "replica": range(len(values))}).assign(
            variant=variant, metric=metric
        )
        for variant, (measured, _) in found.items()
        for metric, values in measured.items()
    ]
    rows = pd.concat(metrics, ignore_index=True)
    table.write(rows.assign(**params["row"], protocol="theory", shots=0, draw=0), outputs["metrics"])
    units = {variant: arrays for variant, (_, arrays) in found.items()}
    units_table.write(params["row"]["target"], units, outputs["units"])
