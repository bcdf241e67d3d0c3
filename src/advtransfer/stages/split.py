"""The disjoint roles of every image, per replica."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from advtransfer.data.splits import split
from advtransfer.data.table import read_images, write_indexed
from advtransfer.seeding import stream


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """params: seed, replicas, source_classes, target_classes, labelled_fraction, test_fraction.

    inputs: images. outputs: splits, columns replica, index (row of the images), role.
    """
    labels = read_images(inputs["images"]).labels
    sizes = {key: params[key] for key in ("labelled_fraction", "test_fraction")}
    classes = {key: params[key] for key in ("source_classes", "target_classes")}
    columns: dict[str, list[np.ndarray]] = {"index": [], "role": []}
    for replica in params["replicas"]:
        rng = stream(params["seed"], "replica", replica, "split")
        roles = split(labels, rng, **classes, **sizes)
        columns["index"].append(np.concatenate(list(roles.values())).astype(np.int32))
        columns["role"].append(np.repeat(list(roles), [len(indices) for indices in roles.values()]))
    write_indexed(outputs["splits"], params["replicas"], columns)
