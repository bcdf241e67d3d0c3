"""How alike the representations of a study's variants are: rows of the metrics table, for one replica and target."""

from __future__ import annotations

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
from advtransfer.evaluation.representation.similarity import linear_cka
from advtransfer.models.deep.trained import trained
from advtransfer.transfer.deep.features import extract
from advtransfer.transfer.deep.protocols import EXTRACTED, REPRESENTATION


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: row (study, kind, source, target), seed, replica, model, variants.

    inputs: images (the target's), splits, weights (of each variant). outputs: metrics: ``cka_to_<first variant>`` of
    every other one, on the validation images.
    """
    device = pick_device()
    images = open_images(inputs["images"], torch.device("cpu"))
    rows = read_roles(inputs["splits"], params["row"]["target"])[VALIDATION]
    pixels = torch.cat([batch.x for batch in images.ordered(rows, size=EXTRACTED)])

    def features(weights: Path) -> Tensor:
        return extract(trained(params, weights, images.shape[1]).to(device), pixels, batch_size=EXTRACTED)

    (first, reference), *others = zip(params["variants"], map(features, inputs["weights"]), strict=True)
    about: dict[str, Any] = {"protocol": REPRESENTATION, "metric": f"cka_to_{first}", "shots": 0, "draw": 0}
    measured = [{"variant": name, "value": linear_cka(reference, x)} for name, x in others]
    frame = pd.DataFrame(measured, columns=["variant", "value"])
    table.write(frame.assign(**params["row"], **about, replica=params["replica"]), outputs["metrics"])
    return {"device": str(device)}
