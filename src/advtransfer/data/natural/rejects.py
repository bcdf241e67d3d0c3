"""What was not prepared and why: a table beside the prepared images, and a limit to how much it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from advtransfer.data.natural.writing import printable

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("label", pa.int64()),
        ("split", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True, order=True)
class Reject:
    """One record that was left out."""

    source: str
    label: int
    split: str
    reason: str
    detail: str


def write_rejects(path: Path, rejects: Sequence[Reject]) -> None:
    """One row a reject, by name; a table without rows if there are none."""
    rows = [vars(reject) for reject in sorted(rejects)]
    columns = {
        name: [printable(row[name]) if name != "label" else row[name] for row in rows]
        for name in SCHEMA.names
    }
    pq.write_table(pa.table(columns, schema=SCHEMA), path)


def check_share(place: Path, rejects: Sequence[Reject], total: int, max_share: float) -> None:
    """ValueError, in one line, if more than ``max_share`` of the ``total`` records were rejected."""
    if len(rejects) <= max_share * total:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(count_reasons(rejects).items()))
    first = printable(min(rejects).source)
    raise ValueError(
        f"{place}: {len(rejects)} of {total} images rejected ({len(rejects) / total:.2%}: {reasons};"
        f" first {first}), allowed {max_share:.2%}: mend the files or raise max_reject_share"
    )


def count_reasons(rejects: Sequence[Reject]) -> dict[str, int]:
    return dict(sorted(Counter(reject.reason for reject in rejects).items()))
