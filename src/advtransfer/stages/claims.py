"""Judge the claims of one study from its metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advtransfer.evaluation import rates_table, table
from advtransfer.evaluation.claims import judge


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """Params ``claims``: one study's, checked. Output ``claims`` (JSON).

    Inputs ``metrics`` (Parquet) and, of a linear_theory study, ``rates`` (a list of Parquet files).
    """
    rates = rates_table.read(inputs["rates"]) if "rates" in inputs else None
    rows = judge(table.read(inputs["metrics"]), params["claims"], rates)
    outputs["claims"].write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return {row["id"]: row["estimate"] for row in rows}
