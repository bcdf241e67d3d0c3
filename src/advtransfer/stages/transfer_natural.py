"""What one representation of natural images is worth on one target: rows of the metrics table, for one replica."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from advtransfer.data.natural.images import Images
from advtransfer.data.natural.roles import read_roles
from advtransfer.data.natural.streaming import open_images
from advtransfer.devices import pick_device
from advtransfer.evaluation import table
from advtransfer.models.deep.network import Network
from advtransfer.models.deep.trained import trained
from advtransfer.seeding import stream
from advtransfer.transfer.deep import protocols
from advtransfer.transfer.deep.protocols import Few, Measurement


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: row (study, kind, source, target, variant), seed, replica, model, protocols.

    inputs: images (the target's), splits and, unless the network is untrained, weights. outputs: metrics.
    """
    device = pick_device()
    images = open_images(inputs["images"], torch.device("cpu"))
    model = trained(params, inputs.get("weights"), images.shape[1]).to(device)
    few = _few(params, inputs, images)
    table.write(_rows(_measure(model, few, params), params), outputs["metrics"])
    return {"device": str(device)}


def _few(params: dict[str, Any], inputs: dict[str, Any], images: Images) -> Few:
    asked, target = params["protocols"], params["row"]["target"]
    most = max([*asked["linear"]["shots"], *(asked["finetune"]["shots"] if "finetune" in asked else [])])
    rng = stream(params["seed"], "replica", params["replica"], "shots", target)
    try:
        return Few.draw(images, read_roles(inputs["splits"], target), rng, draws=asked["draws"], most=most)
    except ValueError as error:
        raise SystemExit(f"{inputs['images'].stem}, transfer.linear.shots, finetune.shots: {error}") from None


def _measure(model: Network, few: Few, params: dict[str, Any]) -> Iterator[Measurement]:
    asked = params["protocols"]

    def rng(purpose: str) -> Any:
        return stream(params["seed"], "replica", params["replica"], purpose, params["row"]["target"])

    represented = protocols.represent(model, few)
    yield from protocols.linear(represented, few, asked["linear"])
    if "robust" in asked:
        yield from protocols.robust(model, represented, few, asked, rng("robust"))
    yield from protocols.probes(model, few, asked["linear"]["strengths"])
    if "finetune" in asked:
        yield from protocols.full(model, few, asked["finetune"], rng("finetune"))


def _rows(measured: Iterator[Measurement], params: dict[str, Any]) -> pd.DataFrame:
    frames = []
    for protocol, metric, shots, values in measured:
        frame = pd.DataFrame({"value": values, "draw": range(len(values))})
        about = {"protocol": protocol, "metric": metric, "shots": shots, "replica": params["replica"]}
        frames.append(frame.assign(**params["row"], **about))
    return pd.concat(frames, ignore_index=True)
