"""The network that a study's jobs share: as the source's training left it, or as it began."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advtransfer.models.deep.build import build
from advtransfer.models.deep.network import Network
from advtransfer.models.deep.storage import head_size, load_weights
from advtransfer.seeding import stream


def initial(params: Mapping[str, Any], classes: int, image_size: int) -> Network:
    """``params["model"]`` at the start of the replica's training, the same for every variant.

    ``params`` also names seed and replica.
    """
    given, rng = params["model"], stream(params["seed"], "replica", params["replica"], "init")
    return build(given["name"], classes, image_size=image_size, rng=rng, **given["arguments"])


def trained(params: Mapping[str, Any], weights: Path | None, image_size: int) -> Network:
    """With the weights of a file; without one as it began, whose head is of no use."""
    # the head is drawn last: how large it is changes nothing before it
    model = initial(params, head_size(weights) if weights else 1, image_size)
    if weights:
        load_weights(weights, model)
    return model
