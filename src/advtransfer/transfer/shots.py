"""Few-shot training sets: k images a class from the target pool, nested in k so that more shots only add."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.domains import Domain
from advtransfer.data.splits import POOL
from advtransfer.seeding import Streams
from advtransfer.training.batches import take


def draw_shots(target: Domain, streams: Streams, *, draws: int, most: int) -> Tensor:
    """Indices [R, draws, classes, most] (int64): the first k along the last axis are the k-shot set."""
    chosen = []
    for replica, rng in enumerate(streams.generators):
        pool = target.within(replica, POOL)
        labels = target.y[replica].cpu().numpy()[pool]
        per_class = [pool[labels == c] for c in range(target.classes)]
        chosen.append([[rng.permutation(members)[:most] for members in per_class] for _ in range(draws)])
    return torch.from_numpy(np.array(chosen))


def training_set(target: Domain, shots: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count``-shot sets: images [R, draws, n, pixels] and labels [R, draws, n], n = classes * count."""
    replicas, draws = shots.shape[:2]
    indices = shots[..., :count].reshape(replicas, -1)
    return (
        take(target.x, indices).view(replicas, draws, -1, target.x.shape[-1]),
        take(target.y, indices).view(replicas, draws, -1),
    )
