"""The disjoint roles of the images of source and targets, for one replica."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from advtransfer.data.natural.overlap import pixel_digests
from advtransfer.data.natural.prepared import read_column, read_header
from advtransfer.data.natural.roles import SOURCE, write_roles
from advtransfer.data.natural.splits import split_source, split_target
from advtransfer.seeding import stream


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: seed, replica, source, targets: name -> {pool, test, validation_fraction, test_per_class}.

    inputs: images (the source's), targets (the targets' images, in the order of params). outputs: splits.

    A test image whose pixels the source or the target's training images hold too is left out; the seal counts them.
    """
    sides, source = {SOURCE: _source(params, inputs["images"])}, pixel_digests(inputs["images"])
    left_out = {}
    for (name, target), images in zip(params["targets"].items(), inputs["targets"], strict=True):
        try:
            sides[name], left_out[name] = _target(target, images, source, _rng(params, "target", name))
        except ValueError as error:
            raise SystemExit(f"{images.stem}, targets.{name}: {error}") from None
    write_roles(outputs["splits"], sides)
    return {"test_images_left_out": left_out}


def _source(params: dict[str, Any], images: Path) -> dict[str, np.ndarray]:
    names, labels = read_header(images).class_names, read_column(images, "label")
    try:
        return split_source(labels, _rng(params, SOURCE), class_names=names, **params["source"])
    except ValueError as error:
        asked = ", ".join(f"{key} {value}" for key, value in params["source"].items())
        raise SystemExit(f"{images.stem}, the source ({asked}): {error}") from None


def _target(
    params: dict[str, Any], images: Path, source: np.ndarray, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], int]:
    """The target's roles, and how many test images were known already."""
    labels, splits = read_column(images, "label"), read_column(images, "split")
    sides = {}
    for side in ("pool", "test"):
        missing = sorted(set(params[side]) - set(splits))
        if missing:
            raise ValueError(
                f"{side}: no image of split {missing[0]!r}, found {', '.join(sorted(set(splits)))}"
            )
        # -1: not on this side
        sides[side] = np.where(np.isin(splits, params[side]), labels, -1)
    digests = pixel_digests(images)
    known = np.isin(digests, source) | np.isin(digests, digests[sides["pool"] >= 0])
    leaked = known & (sides["test"] >= 0)
    try:
        roles = split_target(
            sides["pool"],
            np.where(leaked, -1, sides["test"]),
            rng,
            class_names=read_header(images).class_names,
            validation_fraction=params["validation_fraction"],
            test_per_class=params.get("test_per_class"),
        )
    except ValueError as error:
        asked = params["validation_fraction"]
        raise ValueError(f"{error} (validation_fraction {asked}){_without(leaked)}") from None
    return roles, int(leaked.sum())


def _without(leaked: np.ndarray) -> str:
    if not leaked.any():
        return ""
    return (
        f"; {leaked.sum()} test images are left out: the source or the training images hold the same pixels"
    )


def _rng(params: dict[str, Any], *purpose: str) -> np.random.Generator:
    return stream(params["seed"], "replica", params["replica"], "split", *purpose)
