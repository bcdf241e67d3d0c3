"""What the features of a study's representations are like: rows of the metrics table, for one replica and target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from advtransfer.data.natural.roles import read_roles
from advtransfer.data.natural.splits import VALIDATION
from advtransfer.data.natural.streaming import open_images
from advtransfer.devices import pick_device
from advtransfer.evaluation import table
from advtransfer.evaluation.representation import measures
from advtransfer.evaluation.representation.similarity import MIN_IMAGES, linear_cka
from advtransfer.models.deep.trained import trained
from advtransfer.transfer.deep.features import extract
from advtransfer.transfer.deep.standardise import Standardiser

PROTOCOL = "representation"
EXTRACTED = 512  # images at a time
Row = tuple[str, str, float]  # representation, metric, value


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: row (study, kind, source, target), seed, replica, model, baselines, variants, measures.

    inputs: images (the target's), splits, weights (of each variant). outputs: metrics: the ``measures`` of every
    representation, and ``cka_to_<first variant>`` of every other variant, on the target's validation images, where
    there are enough.
    """
    device = pick_device()
    images = open_images(inputs["images"], torch.device("cpu"))
    rows = read_roles(inputs["splits"], params["row"]["target"])[VALIDATION]
    pixels = torch.cat([batch.x for batch in images.ordered(rows, size=EXTRACTED)])
    labels = torch.from_numpy(images.labels[rows]).to(device)

    def features(weights: Path | None) -> Tensor:
        return extract(trained(params, weights, images.shape[1]).to(device), pixels, batch_size=EXTRACTED)

    taught = dict(zip(params["variants"], map(features, inputs["weights"]), strict=True))
    untaught = {name: features(None) for name in params["baselines"]}
    found = [*_measured(untaught | taught, labels, params["measures"]), *_alike(taught)]
    frame = pd.DataFrame(found, columns=["variant", "metric", "value"])
    about = {"protocol": PROTOCOL, "shots": 0, "draw": 0, "replica": params["replica"]}
    table.write(frame.assign(**params["row"], **about), outputs["metrics"])
    return {"device": str(device)}


def _measured(features: dict[str, Tensor], labels: Tensor, names: list[str]) -> Iterator[Row]:
    """Each measure of the standardised features of each representation. Exits in one line for what is no number."""
    for name in names:
        measure = import_module(f"{measures.__name__}.{name}").measure
        for representation, x in features.items():
            try:
                value = measure(Standardiser.of(x)(x), labels.clone())
            except measures.Undefined as reason:
                print(f"{name} of {representation} is left out: {reason}")
                continue
            yield representation, name, _number(value, f"{name} of {representation}")


def _number(value: object, what: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not math.isfinite(number):
        raise SystemExit(f"{what}: found {value!r}, expected a finite number, or an exception Undefined")
    return number


def _alike(features: dict[str, Tensor]) -> Iterator[Row]:
    """How alike the first variant's features are to those of the others."""
    (first, reference), *others = features.items()
    if others and len(reference) < MIN_IMAGES:  # nobody asked for it: no reason to fail
        print(f"CKA is left out: {len(reference)} validation images, at least {MIN_IMAGES} are needed")
        return
    for name, x in others:
        yield name, f"cka_to_{first}", linear_cka(reference, x)
