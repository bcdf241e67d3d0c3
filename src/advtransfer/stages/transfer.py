"""What one representation is worth on the target: rows of the metrics table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from advtransfer.data.domains import Domain, load_domain
from advtransfer.devices import pick_device
from advtransfer.evaluation import table
from advtransfer.models import mlp
from advtransfer.models.storage import load_parameters
from advtransfer.seeding import Streams
from advtransfer.transfer import protocols
from advtransfer.transfer.protocols import Measurement
from advtransfer.transfer.shots import draw_shots


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> dict[str, Any]:
    """params: row (study, kind, source, target, variant), seed, replicas, target, representation, protocols.

    ``representation`` is pretrained (inputs: weights), untrained (needs model and source_classes) or raw.
    inputs: images, splits. outputs: metrics.
    """
    device = pick_device()
    domain = load_domain(inputs["images"], inputs["splits"], params, "target")
    domain = replace(domain, x=domain.x.to(device), y=domain.y.to(device))
    measured = list(_measure(domain, _parameters(params, inputs, domain, device), params))
    table.write(_rows(measured, params), outputs["metrics"])
    return {"device": str(device)}


def _parameters(
    params: dict[str, Any], inputs: dict[str, Any], domain: Domain, device: torch.device
) -> mlp.Parameters | None:
    if params["representation"] == "raw":
        return None
    if params["representation"] == "pretrained":
        return load_parameters(inputs["weights"], device)
    sizes = (domain.x.shape[-1], *params["model"]["hidden"], params["source_classes"])
    start = mlp.initialise(sizes, Streams.of(params["seed"], params["replicas"], "init"))
    return {name: p.to(device) for name, p in start.items()}


def _measure(
    domain: Domain, parameters: mlp.Parameters | None, params: dict[str, Any]
) -> Iterator[Measurement]:
    seed, replicas, asked = params["seed"], params["replicas"], params["protocols"]
    most = max(count for name in ("linear", "finetune") if asked[name] for count in asked[name]["shots"])
    most = max(most, asked["robust"]["shots"]) if asked["robust"] else most
    streams = Streams.of(seed, replicas, "shots", params["row"]["target"])
    shots = draw_shots(domain, streams, draws=params["draws"], most=most)

    def features(x: torch.Tensor) -> torch.Tensor:
        return x if parameters is None else mlp.features(parameters, x)

    if asked["linear"]:
        yield from protocols.linear(features, domain, shots, asked["linear"])
    if asked["robust"]:
        start = Streams.of(seed, replicas, "robust", params["row"]["target"])
        yield from protocols.robust(features, domain, shots, asked["robust"], start)
    if asked["finetune"] and parameters is not None:
        yield from protocols.full(parameters, domain, shots, asked["finetune"])


def _rows(measured: list[Measurement], params: dict[str, Any]) -> pd.DataFrame:
    frames = []
    for protocol, metric, shots, values in measured:
        replicas, draws = values.shape
        frame = pd.DataFrame({"value": values.cpu().double().numpy().ravel()})
        frame["replica"] = [r for r in params["replicas"] for _ in range(draws)]
        frame["draw"] = list(range(draws)) * replicas
        frames.append(frame.assign(**params["row"], protocol=protocol, metric=metric, shots=shots))
    return pd.concat(frames, ignore_index=True)
