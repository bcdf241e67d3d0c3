"""Which examples a replica sees at each step: paired across variants because the stream is the replica's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from advtransfer.seeding import Streams


def batch_indices(pools: Sequence[np.ndarray], streams: Streams, *, steps: int, size: int) -> Tensor:
    """Positions [steps, R, size] (int64) drawn without replacement from each replica's pool, epoch after epoch.

    A batch may straddle two epochs; no example is ever dropped, however small the pool.
    """
    rows = []
    for pool, rng in zip(pools, streams.generators, strict=True):
        epochs = -(-steps * size // len(pool))
        order = np.concatenate([rng.permutation(pool) for _ in range(epochs)])
        rows.append(order[: steps * size].reshape(steps, size))
    return torch.from_numpy(np.stack(rows, axis=1).astype(np.int64))


def take(x: Tensor, indices: Tensor) -> Tensor:
    """Rows of each replica: x [R, N, ...], indices [R, B] -> [R, B, ...]."""
    return x[torch.arange(x.shape[0], device=x.device)[:, None], indices]
