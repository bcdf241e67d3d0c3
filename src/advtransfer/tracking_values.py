"""What MLflow is told of a sealed training job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from advtransfer.provenance.seal import Seal
from advtransfer.regular_files import require_regular


class CurvesError(Exception):
    """The learning curves of a job are not there to be logged."""


def curves(seal: Seal, root: Path) -> Iterator[tuple[str, int, float]]:
    """(name, step, mean over replicas) of every learning curve. Raises CurvesError."""
    import pandas as pd

    path = seal.spec.outputs.get("curves", "")
    try:
        require_regular(root / path)
        means = pd.read_parquet(root / path).drop(columns="replica").groupby("step").mean()
    except Exception as error:  # whatever a reader of Parquet raises; the audit says what became of the file
        raise CurvesError(f"{path} cannot be read: {first_line(error)}") from None
    for step, row in means.iterrows():
        yield from ((str(name), int(str(step)), float(value)) for name, value in row.items())


def flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a JSON value under their dotted names, as texts."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else name)
    else:
        yield key, json.dumps(value) if not isinstance(value, str) else value


def first_line(error: Exception) -> str:
    """Of what an exception says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
