"""Few-shot training sets: k images a class from the target pool, nested in k so that more shots only add."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.domains import Domain
from advtransfer.data.splits import POOL
from advtransfer.seeding import Streams


def draw_shots(target: Domain, streams: Streams, *, draws: int, most: int) -> Tensor:
    """Indices [R, draws, classes, most] (int64): the first k along the last axis are the k-shot set."""
    chosen = []
    for replica, rng in enumerate(streams.generators):
        pool = target.within(replica, POOL)
        labels = target.y[replica].numpy()[pool]
        per_class = [pool[labels == c] for c in range(target.classes)]
        chosen.append([[rng.permutation(members)[:most] for members in per_class] for _ in range(draws)])
    return torch.from_numpy(np.array(chosen))


def training_set(x: Tensor, y: Tensor, shots: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """One problem per (replica, draw): x [R, N, D], y [R, N], shots as drawn -> [R*draws, n, D], [R*draws, n]."""
    replicas, draws = shots.shape[:2]
    indices = shots[..., :count].reshape(replicas, -1)
    rows = torch.arange(replicas, device=x.device)[:, None]
    return (
        x[rows, indices].reshape(replicas * draws, -1, x.shape[-1]),
        y[rows, indices].reshape(replicas * draws, -1),
    )
