"""Who is labelled on the target: few-shot sets from the pool of one replica.

Test images are no part of the pool, so nothing here can touch them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def draw_shots(
    labels: np.ndarray, pool: np.ndarray, rng: np.random.Generator, *, classes: int, draws: int, most: int
) -> Tensor:
    """Indices [draws, classes, most] (int64): the first k along the last axis are the k-shot set of a draw.

    Args:
        labels: [N] integers of all images of the target.
        pool: indices of the images that may be drawn.
        rng: e.g. ``stream(seed, "replica", replica, target, "shots")``. More draws only append, and the order
            within a draw does not depend on ``most``, so more shots only add.

    Raises ValueError if a class has fewer than ``most`` images in the pool.
    """
    members = [pool[labels[pool] == label] for label in range(classes)]
    for label, indices in enumerate(members):
        if len(indices) < most:
            raise ValueError(f"class {label} has {len(indices)} images in the pool, {most} are needed")
    chosen = [[rng.permutation(indices)[:most] for indices in members] for _ in range(draws)]
    return torch.from_numpy(np.array(chosen, dtype=np.int64))


def few(shots: Tensor, count: int) -> Tensor:
    """The ``count``-shot sets, indices [draws, classes * count]; ValueError if fewer were drawn."""
    if not 1 <= count <= shots.shape[2]:
        raise ValueError(f"{count} shots asked for, {shots.shape[2]} drawn")
    return shots[..., :count].flatten(1)
