"""Source pre-training of one variant: which labels it learns from, and how its inputs are perturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.domains import Domain, load_domain
from advtransfer.data.splits import LABELLED, UNLABELLED
from advtransfer.data.table import read_indexed
from advtransfer.devices import pick_device
from advtransfer.models import mlp
from advtransfer.models.storage import save_parameters
from advtransfer.objectives.classification import Classification, make_perturbation
from advtransfer.seeding import Streams
from advtransfer.training.batches import batch_indices
from advtransfer.training.curves import write_curves
from advtransfer.training.loop import fit


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: seed, replicas, source, model, optimiser, labels, perturbation.

    inputs: images, splits and, where ``labels`` is pseudo, pseudo_labels.
    outputs: weights (safetensors, name -> [R, ...]), curves (Parquet).
    """
    device = pick_device()
    seed, replicas, optimiser = params["seed"], params["replicas"], params["optimiser"]
    source = load_domain(inputs["images"], inputs["splits"], params, "source")
    labels, pools = _examples(source, params, inputs)
    sizes = (source.x.shape[-1], *params["model"]["hidden"], source.classes)
    batches = batch_indices(
        pools,
        Streams.of(seed, replicas, "batches"),
        steps=optimiser["steps"],
        size=optimiser["batch_size"],
    )
    parameters, curves = fit(
        {name: p.to(device) for name, p in mlp.initialise(sizes, Streams.of(seed, replicas, "init")).items()},
        Classification(make_perturbation(params["perturbation"]), Streams.of(seed, replicas, "perturbation")),
        source.x.to(device),
        labels.to(device),
        batches.to(device),
        learning_rate=optimiser["learning_rate"],
        weight_decay=optimiser["weight_decay"],
    )
    save_parameters(outputs["weights"], parameters)
    write_curves(outputs["curves"], curves, replicas)
    return {"device": str(device)}


def _examples(
    source: Domain, params: dict[str, Any], inputs: dict[str, Any]
) -> tuple[Tensor, list[np.ndarray]]:
    """Labels [R, N] to learn from, and per replica the images that have one."""
    count = len(source.roles)
    labelled = [source.within(replica, LABELLED) for replica in range(count)]
    if params["labels"] == "labelled":
        return source.y, labelled
    if params["labels"] == "oracle":
        extra = [source.within(replica, UNLABELLED) for replica in range(count)]
        return source.y, [np.concatenate(both) for both in zip(labelled, extra, strict=True)]
    pseudo = read_indexed(inputs["pseudo_labels"], params["replicas"])
    labels = source.y.clone()
    for replica, (index, label) in enumerate(zip(pseudo["index"], pseudo["label"], strict=True)):
        labels[replica, torch.from_numpy(index.astype(np.int64))] = torch.from_numpy(label.astype(np.int64))
    return labels, [np.concatenate(both) for both in zip(labelled, pseudo["index"], strict=True)]
