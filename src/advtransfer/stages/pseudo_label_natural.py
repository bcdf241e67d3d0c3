"""The teacher's labels of the unlabelled source images of one replica."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from advtransfer.data.natural.pseudo_labels import PseudoLabels, write_pseudo_labels
from advtransfer.data.natural.roles import SOURCE, read_roles
from advtransfer.data.natural.streaming import open_images
from advtransfer.data.splits import UNLABELLED
from advtransfer.devices import pick_device
from advtransfer.models.deep.trained import trained
from advtransfer.transfer.deep.features import evaluate

_EVALUATED = 512  # images at a time


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: seed, replica, model, confidence_threshold, soft. inputs: images, splits, teacher (weights).

    outputs: pseudo_labels. The true labels take no part; how many of them were met goes into the seal.
    """
    device = pick_device()
    images = open_images(inputs["images"], device)
    model = trained(params, inputs["teacher"], images.shape[1]).to(device)
    rows = read_roles(inputs["splits"], SOURCE)[UNLABELLED]
    if not len(rows):
        raise SystemExit(f"{inputs['images'].stem}: source.labelled_fraction leaves no image to pseudo-label")
    parts = [
        evaluate(model, model, batch.x, batch_size=_EVALUATED).cpu()
        for batch in images.ordered(rows, size=_EVALUATED)
    ]
    probabilities = torch.cat(parts).softmax(1)
    confidence, label = probabilities.max(1)
    kept = (confidence >= params["confidence_threshold"]).numpy()
    if not kept.any():
        raise SystemExit(
            f"no pseudo-label has the confidence {params['confidence_threshold']}: lower the threshold"
        )
    labels = PseudoLabels(
        index=rows[kept],
        label=label.numpy()[kept],
        confidence=confidence.numpy()[kept],
        probabilities=probabilities.numpy()[kept] if params["soft"] else None,
    )
    write_pseudo_labels(outputs["pseudo_labels"], labels)
    true = images.labels[labels.index]
    right = (labels.label == true)[true >= 0]
    return {
        "device": str(device),
        "kept": round(float(kept.mean()), 6),
        "right": round(float(right.mean()), 6) if len(right) else None,
    }
