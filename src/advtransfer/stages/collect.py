"""All measurements of one study in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from advtransfer.evaluation import table


def main(params: None, inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """inputs: metrics (a list of files). outputs: metrics."""
    table.write(table.join(inputs["metrics"]), outputs["metrics"])
