"""Labels that the clean teacher gives to the unlabelled source images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from advtransfer.data.domains import load_domain
from advtransfer.data.splits import UNLABELLED
from advtransfer.data.table import write_indexed
from advtransfer.devices import pick_device
from advtransfer.models import mlp
from advtransfer.models.storage import load_parameters
from advtransfer.training.batches import take


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: seed, replicas, source, confidence_threshold.

    inputs: images, splits, teacher (weights). outputs: pseudo_labels, columns replica, index (row of the images),
    label (within the source's classes), confidence (softmax of the teacher); rows below the threshold are left out.
    """
    device = pick_device()
    source = load_domain(inputs["images"], inputs["splits"], params, "source")
    indices = source.indices(UNLABELLED)
    with torch.no_grad():
        teacher = load_parameters(inputs["teacher"], device)
        confidence, label = mlp.logits(teacher, take(source.x, indices).to(device)).softmax(2).max(2)
    kept = (confidence >= params["confidence_threshold"]).cpu().numpy()
    columns = {
        "index": indices.numpy().astype(np.int32),
        "label": label.cpu().numpy().astype(np.int32),
        "confidence": confidence.cpu().numpy(),
    }
    rows = {name: [v[k] for v, k in zip(values, kept, strict=True)] for name, values in columns.items()}
    write_indexed(outputs["pseudo_labels"], params["replicas"], rows)
    return {"device": str(device)}
