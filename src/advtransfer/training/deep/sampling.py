"""Which images a step learns from: a function of the step's number, so a run can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from advtransfer.training.deep.randomness import Randomness


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


class Sampler:
    """Positions of every step, drawn without replacement from each pool, epoch after epoch of that pool.

    A batch may straddle two epochs; no image is ever dropped. Pools differ in size, so one may be in its tenth epoch
    while another is in its first.
    """

    def __init__(self, pools: Sequence[Pool], randomness: Randomness) -> None:
        for pool in pools:
            if len(pool.members) == 0 or pool.share < 1:
                raise ValueError(
                    f"a pool of {len(pool.members)} images with {pool.share} places in each batch"
                )
        self._orders = [_Order(pool, randomness, number) for number, pool in enumerate(pools)]

    def __call__(self, step: int) -> np.ndarray:
        """Positions of one step, int64 [B], the pools' shares one behind the other."""
        return np.concatenate([order(step) for order in self._orders])

    def batches(self, start: int) -> Iterator[np.ndarray]:
        """The positions of step ``start`` and of all that follow, without end."""
        return map(self, count(start))


class _Order:
    """The endless sequence of a pool's members, a new permutation every epoch."""

    def __init__(self, pool: Pool, randomness: Randomness, number: int) -> None:
        self._pool = pool
        self._randomness = randomness
        self._number = number
        self._epoch = -1
        self._shuffled = pool.members

    def __call__(self, step: int) -> np.ndarray:
        length, share = len(self._pool.members), self._pool.share
        begin, end = step * share, (step + 1) * share
        epochs = range(begin // length, (end - 1) // length + 1)
        pieces = [
            self._permuted(e)[max(begin - e * length, 0) : min(end - e * length, length)] for e in epochs
        ]
        return np.concatenate(pieces).astype(np.int64)

    def _permuted(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            rng = self._randomness.generator("order", self._number, epoch)
            self._shuffled, self._epoch = rng.permutation(self._pool.members), epoch
        return self._shuffled
