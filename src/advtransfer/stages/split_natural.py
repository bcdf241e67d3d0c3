"""The disjoint roles of the images of source and targets, for one replica."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from advtransfer.data.natural.prepared import read_column, read_header
from advtransfer.data.natural.roles import SOURCE, write_roles
from advtransfer.data.natural.splits import split_source, split_target
from advtransfer.seeding import stream


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """params: seed, replica, source, targets: name -> {pool, test, validation_fraction, test_per_class}.

    inputs: images (the source's), targets (the targets' images, in the order of params). outputs: splits.
    """
    header = read_header(inputs["images"])
    sides = {
        SOURCE: split_source(
            read_column(inputs["images"], "label"),
            _rng(params, SOURCE),
            class_names=header.class_names,
            **params["source"],
        )
    }
    for (name, target), images in zip(params["targets"].items(), inputs["targets"], strict=True):
        sides[name] = _target(target, images, _rng(params, "target", name))
    write_roles(outputs["splits"], sides)


def _target(params: dict[str, Any], images: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    labels, splits = read_column(images, "label"), read_column(images, "split")
    sides = {}
    for side in ("pool", "test"):
        missing = sorted(set(params[side]) - set(splits))
        if missing:
            raise SystemExit(
                f"{images}: no image of split {missing[0]!r}, found {', '.join(sorted(set(splits)))}"
            )
        # -1: not on this side
        sides[side] = np.where(np.isin(splits, params[side]), labels, -1)
    return split_target(
        sides["pool"],
        sides["test"],
        rng,
        class_names=read_header(images).class_names,
        validation_fraction=params["validation_fraction"],
        test_per_class=params.get("test_per_class"),
    )


def _rng(params: dict[str, Any], *purpose: str) -> np.random.Generator:
    return stream(params["seed"], "replica", params["replica"], "split", *purpose)
