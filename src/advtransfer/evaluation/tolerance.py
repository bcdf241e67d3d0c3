"""How far a number may lie from itself when it is computed on another kind of machine.

Half of the half-width of its own interval: what the rounding of another processor does to a number must be small beside
what the choice of replicas does to it. A number that has no interval (one replica), or one of no width, is allowed what
reports/tolerances.yaml says of its metric.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advtransfer.evaluation import table
from advtransfer.evaluation.settings import KEY
from advtransfer.evaluation.statistics import means
from advtransfer.strict_yaml import read_yaml

Tolerance = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Tolerances(BaseModel):
    """reports/tolerances.yaml: the largest difference of a number that has no uncertainty of its own, per metric."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    metrics: dict[str, Tolerance] = Field(description="metric -> largest difference (> 0)")
    other: Tolerance = Field(description="for a metric that is not named (> 0)")

    def of(self, metric: str) -> float:
        """The tolerance of a number of one metric that has no uncertainty of its own."""
        return self.metrics.get(metric, self.other)

    def allowed(self, metric: str, low: float | None, high: float | None) -> float:
        """The tolerance of a number whose interval is [``low``, ``high``]; None or nan where it has none."""
        return share(low, high) or self.of(metric)


def share(low: float | None, high: float | None) -> float:
    """Half of the half-width of an interval; 0 for one that is not there or has no width."""
    if low is None or high is None or math.isnan(high - low):
        return 0.0
    return (high - low) / 4


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
    before, after = (means(table.read(path)).set_index(key) for path in (old, new))
    if not before.index.equals(after.index):
        return False, "other measurements were made"
    both = before.join(after["mean"].rename("anew")).reset_index().to_dict("records")
    gaps = [
        (abs(row["mean"] - row["anew"]), tolerances.allowed(row["metric"], row["low"], row["high"]), row)
        for row in both
    ]
    gap, allowed, row = max(gaps, key=lambda found: found[0] / found[1])
    return _judged(gap, allowed, "/".join(str(row[name]) for name in KEY))


def _claims(old: Path, new: Path, tolerances: Tolerances) -> tuple[bool | None, str]:
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (old, new))
    if not all(isinstance(rows, list) for rows in (before, after)):
        return None, "no tolerance is declared for this file"
    if [row["id"] for row in before] != [row["id"] for row in after]:
        return False, "other claims were judged"
    pairs = list(zip(before, after, strict=True))
    if flipped := [one["id"] for one, two in pairs if one["verdict"] != two["verdict"]]:
        return False, f"another verdict on {', '.join(flipped)}"
    gaps = [
        (abs(one["estimate"] - two["estimate"]), of_claim(one, tolerances), one["id"]) for one, two in pairs
    ]
    return _judged(*max(gaps, key=lambda found: found[0] / found[1]))


def of_claim(row: Mapping[str, Any], tolerances: Tolerances) -> float:
    """The tolerance of a claim's estimate, and of both ends of its interval, from its row in claims.json."""
    return tolerances.allowed(row["query"]["metric"], row["ci_low"], row["ci_high"])


def _judged(gap: float, allowed: float, where: str) -> tuple[bool, str]:
    return bool(gap <= allowed), f"{gap:.2g} of {allowed:.2g} allowed at {where}"


def _weights(old: Path, new: Path) -> str:
    from safetensors.numpy import load_file

    before, after = load_file(old), load_file(new)
    if {k: v.shape for k, v in before.items()} != {k: v.shape for k, v in after.items()}:
        return "weights of another shape"
    largest = max(float(abs(before[name] - after[name]).max()) for name in before)
    return f"weights differ by up to {largest:.2g}; no tolerance is declared for weights"
