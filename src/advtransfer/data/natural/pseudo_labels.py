"""A teacher's labels as a table: index, label, confidence and, where they are learned soft, all probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class PseudoLabels:
    """Positions ``index`` and ``label`` [n] (int64), ``confidence`` [n] and ``probabilities`` [n, K] (float32)."""

    index: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    probabilities: np.ndarray | None = None


def write_pseudo_labels(path: Path, labels: PseudoLabels) -> None:
    """One row an image, in the order given."""
    columns = {
        "index": pa.array(labels.index.astype(np.int32)),
        "label": pa.array(labels.label.astype(np.int32)),
        "confidence": pa.array(labels.confidence.astype(np.float32)),
    }
    if labels.probabilities is not None:
        flat = pa.array(labels.probabilities.astype(np.float32).ravel())
        columns["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, labels.probabilities.shape[1])
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_pseudo_labels(path: Path) -> PseudoLabels:
    """The inverse of ``write_pseudo_labels``."""
    table = pq.read_table(path)
    soft = None
    if "probabilities" in table.column_names:
        soft = table["probabilities"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    return PseudoLabels(
        index=table["index"].to_numpy().astype(np.int64),
        label=table["label"].to_numpy().astype(np.int64),
        confidence=table["confidence"].to_numpy(),
        probabilities=soft,
    )
