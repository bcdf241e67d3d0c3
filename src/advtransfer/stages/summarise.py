"""Bring metrics and claims of all studies together, and summarise them for `dvc metrics` and `dvc plots`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advtransfer.evaluation import table
from advtransfer.evaluation.statistics import means
from advtransfer.evaluation.summary import accuracy_by_shots, summary


def main(params: dict[str, Any], inputs: dict[str, list[Path]], outputs: dict[str, Path]) -> None:
    """No params. Inputs ``metrics`` and ``claims``: one file per study.

    Outputs: ``metrics`` (Parquet), ``claims`` and ``summary`` (JSON), ``accuracy_by_shots`` (CSV).
    """
    rows = table.join(inputs["metrics"])
    claims = [row for path in inputs["claims"] for row in json.loads(path.read_text(encoding="utf-8"))]
    estimates = means(rows)
    table.write(rows, outputs["metrics"])
    _write_json(claims, outputs["claims"])
    _write_json(summary(estimates, claims), outputs["summary"])
    accuracy_by_shots(estimates).to_csv(outputs["accuracy_by_shots"], index=False, lineterminator="\n")


def _write_json(content: Any, path: Path) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
