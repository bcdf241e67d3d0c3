"""What was not prepared and why: a table beside the prepared images, and a limit to how much it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from advtransfer.data.natural.records import Source
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


def check_classes(source: Source, kept: Mapping[str, np.ndarray], rejects: Sequence[Reject]) -> None:
    """ValueError, in one line, for a class of which a split has lost every image; ``kept``: what it has left [C]."""
    for split, before in source.counts.items():
        for label in np.flatnonzero((before > 0) & (kept[split] == 0)):
            lost = [reject for reject in rejects if (reject.split, reject.label) == (split, label)]
            reasons = ", ".join(f"{count} {reason}" for reason, count in count_reasons(lost).items())
            first = printable(f"{min(lost).source}: {min(lost).detail}")
            raise ValueError(
                f"{source.place}: class {source.class_names[label]!a} of split {split}: every image is rejected "
                f"({reasons}; first {first}): mend the files, or name the classes that are meant, classes: [..]"
            )


def count_reasons(rejects: Sequence[Reject]) -> dict[str, int]:
    return dict(sorted(Counter(reject.reason for reject in rejects).items()))
