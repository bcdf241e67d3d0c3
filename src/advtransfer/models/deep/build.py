"""Networks by name, initialised from a random stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from advtransfer.models.deep.network import Body, Network
from advtransfer.models.deep.resnet import resnet
from advtransfer.models.deep.small_cnn import small_cnn
from advtransfer.models.deep.timm_models import timm_body
from advtransfer.models.deep.wide_resnet import wide_resnet

BODIES: dict[str, Callable[..., Body]] = {
    "small_cnn": small_cnn,
    "resnet18": partial(resnet, "resnet18"),
    "resnet50": partial(resnet, "resnet50"),
    "wide_resnet": wide_resnet,
}
TIMM = "timm:"


def build(
    name: str,
    classes: int,
    *,
    image_size: int,
    rng: np.random.Generator,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.25, 0.25, 0.25),
    **kwargs: Any,
) -> Network:
    """A network in train mode on the CPU, a function of its arguments and the state of ``rng``.

    Args:
        name: small_cnn, resnet18, resnet50, wide_resnet, or timm:NAME.
        image_size: pixels along one side; decides the stem (see ``layers``).
        rng: e.g. ``stream(seed, "replica", replica, "init")``; one number is drawn from it.
        mean, std: of each channel of the training images in [0, 1]; their length is the number of channels.
        kwargs: norm ("batch" or "group") for ours; depth, width, dropout for wide_resnet; timm's own for timm.

    Raises ValueError for an unknown name or one that timm does not know.
    """
    body_of = partial(timm_body, name.removeprefix(TIMM)) if name.startswith(TIMM) else BODIES.get(name)
    if body_of is None:
        raise ValueError(f"model is {name!r}; expected one of {', '.join(BODIES)} or timm:NAME")
    with _seeded(int(rng.integers(2**63))):
        body = body_of(channels=len(mean), image_size=image_size, **kwargs)
        return Network(body, classes, mean=mean, std=std)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch draws initial weights from its default generator: seeded inside, untouched outside."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
