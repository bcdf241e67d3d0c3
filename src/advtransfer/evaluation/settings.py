"""Which rows of the metrics table a published number rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from advtransfer.evaluation import table

# The path of a number in results/summary.json.
KEY = ("study", "target", "variant", "protocol", "metric", "shots")


@dataclass(frozen=True)
class Setting:
    """Values that a row must have in the named columns; where several are given, any of them."""

    wanted: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of_mean(cls, key: str) -> Setting:
        """Of a mean, from its key ``study/target/variant/protocol/metric/shots``."""
        return cls(tuple((name, (value,)) for name, value in zip(KEY, key.split("/"), strict=True)))

    @classmethod
    def of_claim(cls, claim: Mapping[str, Any]) -> Setting:
        """Of a claim as claims.yaml states it."""
        pairs = claim.get("compare") or ()
        variants = {name for pair in pairs for name in pair.values()} or {claim["rate"]["variant"]}
        query = {name: (str(value),) for name, value in claim["query"].items() if value is not None}
        return cls(
            (("study", (claim["study"],)), ("variant", tuple(sorted(variants))), *sorted(query.items()))
        )

    def count(self, path: Path) -> int:
        """How many rows of a metrics file it matches. Raises ValueError for a file that is no metrics table."""
        rows = _rows(path)
        for name, values in self.wanted:
            rows = rows[rows[name].isin(values)]
        return int(rows["rows"].sum())

    def to_dict(self) -> dict[str, list[str]]:
        """As a JSON value."""
        return {name: list(values) for name, values in self.wanted}


@cache
def _rows(path: Path) -> Any:
    """Number of rows per setting and variant, every column as text."""
    counts = table.read(path).groupby(list(KEY), observed=True).size().reset_index(name="rows")
    return counts.astype(dict.fromkeys(KEY, str))
