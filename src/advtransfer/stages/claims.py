"""Judge the claims of one study from its metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advtransfer.evaluation import table
from advtransfer.evaluation.claims import judge


def main(params: dict[str, Any], inputs: dict[str, Path], outputs: dict[str, Path]) -> dict[str, Any]:
    """Params ``claims``: one study's, checked. Input ``metrics`` (Parquet), output ``claims`` (JSON)."""
    rows = judge(table.read(inputs["metrics"]), params["claims"])
    outputs["claims"].write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n")
    return {row["id"]: row["estimate"] for row in rows}
