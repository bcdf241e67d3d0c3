"""Which images a step learns from: a function of the step's number, so a run can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from advtransfer.data.natural.images import Batch, Images
from advtransfer.training.deep.distributed import World
from advtransfer.training.deep.randomness import Randomness

ALONE = World()


@dataclass(frozen=True)
class Pool:
    """Positions (int64 [N]) of which every batch holds ``share``."""

    members: np.ndarray
    share: int


def labelled_and_pseudo(labelled: np.ndarray, pseudo: np.ndarray, *, size: int, ratio: float) -> list[Pool]:
    """Batches of ``size``, of which ``ratio`` are labelled images and the others pseudo-labelled ones.

    ValueError if rounding leaves one of the two without a place.
    """
    share = round(ratio * size)
    if not 0 < share < size:
        raise ValueError(
            f"ratio {ratio} of batches of {size} leaves {share} labelled and {size - share} pseudo-labelled"
        )
    return [Pool(labelled, share), Pool(pseudo, size - share)]


def mixed(
    images: Images, pools: Sequence[Pool], *, steps: int, randomness: Randomness, world: World = ALONE
) -> Callable[[int], Iterator[Batch]]:
    """``batches(s)``: this process's rows of the batches of step s to ``steps`` - 1, as ``loop.fit`` wants them.

    Each pool is drawn from without replacement, epoch after epoch of its own: pools differ in size, so one may be in
    its tenth epoch while another is in its first. The shares of the pools lie one behind the other in a batch.
    """
    for pool in pools:
        if len(pool.members) == 0 or pool.share < 1:
            raise ValueError(f"a pool of {len(pool.members)} images with {pool.share} places in each batch")
    rows = world.rows(sum(pool.share for pool in pools))

    def batches(start: int) -> Iterator[Batch]:
        drawn = [
            images.shuffled(
                pool.members,
                size=pool.share,
                steps=steps,
                start=start,
                rng_of_epoch=partial(_order, randomness, number),
            )
            for number, pool in enumerate(pools)
        ]
        for parts in zip(*drawn, strict=True):
            yield Batch(*(torch.cat([getattr(p, name) for p in parts])[rows] for name in ("x", "y", "index")))

    return batches


def _order(randomness: Randomness, pool: int, epoch: int) -> np.random.Generator:
    return randomness.generator("order", pool, epoch)
