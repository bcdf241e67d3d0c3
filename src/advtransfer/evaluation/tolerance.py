"""How far the same computation may differ between two kinds of machine, metric by metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advtransfer.evaluation import table
from advtransfer.evaluation.settings import KEY
from advtransfer.strict_yaml import read_yaml

Tolerance = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Tolerances(BaseModel):
    """reports/tolerances.yaml: the largest difference of a mean over replicas and draws, per metric."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    metrics: dict[str, Tolerance] = Field(description="metric -> largest difference (> 0)")
    other: Tolerance = Field(description="for a metric that is not named (> 0)")

    def of(self, metric: str) -> float:
        """The tolerance of one metric."""
        return self.metrics.get(metric, self.other)


def load(path: Path) -> Tolerances:
    """Raises ValueError with one line that names the file, the key, what was found and what is expected."""
    try:
        return Tolerances.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        expected = first["msg"].removeprefix("Input should be ")
        raise ValueError(f"{path}: key {key}: found {first['input']!r}, expected {expected}") from None


def compare(old: Path, new: Path, tolerances: Tolerances) -> tuple[bool | None, str]:
    """Whether two files agree within what is declared, and the largest difference in words.

    None where nothing is declared for such a file: weights, labels and pages have no unit in which to allow any.
    """
    if old.suffix == ".safetensors":
        return None, _weights(old, new)
    if old.suffix == ".json":
        return _claims(old, new, tolerances)
    try:
        return (
            _metrics(old, new, tolerances) if old.suffix == ".parquet" else (None, "no tolerance is declared")
        )
    except ValueError:  # a table of something else
        return None, "no tolerance is declared for this table"


def _metrics(old: Path, new: Path, tolerances: Tolerances) -> tuple[bool, str]:
    key = [*table.SETTING, "variant"]
    before, after = (table.read(path).groupby(key)["value"].mean() for path in (old, new))
    if not before.index.equals(after.index):
        return False, "other measurements were made"
    gaps = (before - after).abs().reset_index().to_dict("records")
    worst = max(gaps, key=lambda row: row["value"] / tolerances.of(row["metric"]))
    gap, allowed = worst["value"], tolerances.of(worst["metric"])
    where = "/".join(str(worst[name]) for name in KEY)
    return bool(gap <= allowed), f"{gap:.2g} of {allowed:g} allowed at {where}"


def _claims(old: Path, new: Path, tolerances: Tolerances) -> tuple[bool | None, str]:
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (old, new))
    if not all(isinstance(rows, list) for rows in (before, after)):
        return None, "no tolerance is declared for this file"
    if [row["id"] for row in before] != [row["id"] for row in after]:
        return False, "other claims were judged"
    gaps = {
        one["id"]: (abs(one["estimate"] - two["estimate"]), tolerances.of(one["query"]["metric"]))
        for one, two in zip(before, after, strict=True)
    }
    worst, (gap, allowed) = max(gaps.items(), key=lambda item: item[1][0] / item[1][1])
    return gap <= allowed, f"{gap:.2g} of {allowed:g} allowed at {worst}"


def _weights(old: Path, new: Path) -> str:
    from safetensors.numpy import load_file

    before, after = load_file(old), load_file(new)
    if {k: v.shape for k, v in before.items()} != {k: v.shape for k, v in after.items()}:
        return "weights of another shape"
    largest = max(float(abs(before[name] - after[name]).max()) for name in before)
    return f"weights differ by up to {largest:.2g}; no tolerance is declared for weights"
