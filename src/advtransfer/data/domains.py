"""From stored images and splits to the tensors that a stage computes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advtransfer.data.shifts import apply_shift
from advtransfer.data.table import read_images, read_indexed


@dataclass(frozen=True)
class Domain:
    """One side of the transfer for R replicas: intensities ``x`` [R, N, pixels], labels ``y`` [R, N] of the N
    images of the data set (labels count within ``classes``; -1 elsewhere) and per replica the indices of each role."""

    x: Tensor
    y: Tensor
    roles: tuple[dict[str, np.ndarray], ...]
    classes: int

    def indices(self, role: str) -> Tensor:
        """[R, n] (int64), in stored order, of the images of this domain's classes."""
        rows = [self.within(replica, role) for replica in range(len(self.roles))]
        return torch.from_numpy(np.stack(rows))

    def within(self, replica: int, role: str) -> np.ndarray:
        """Indices of one replica's ``role`` that belong to this domain's classes."""
        indices = self.roles[replica][role]
        return indices[self.y[replica].cpu().numpy()[indices] >= 0]


def load_domain(images: Path, splits: Path, params: Mapping[str, Any], name: str) -> Domain:
    """The domain ``params[name]`` ({classes, shift}) for ``params["replicas"]``; ``name`` is source or target."""
    stored, replicas = read_images(images), params["replicas"]
    classes: Sequence[int] = params[name]["classes"]
    label_of = np.full(len(stored.class_names), -1, dtype=np.int64)
    label_of[list(classes)] = np.arange(len(classes))
    x = torch.from_numpy(stored.images.astype(np.float32) / stored.levels)
    return Domain(
        x=apply_shift(
            x.expand(len(replicas), *x.shape),
            params[name]["shift"],
            shape=stored.shape,
            seed=params["seed"],
            replicas=replicas,
            domain=params[name].get("name", name),
        ),
        y=torch.from_numpy(label_of[stored.labels]).expand(len(replicas), -1),
        roles=_roles(splits, replicas),
        classes=len(classes),
    )


def _roles(splits: Path, replicas: Sequence[int]) -> tuple[dict[str, np.ndarray], ...]:
    columns = read_indexed(splits, replicas)
    return tuple(
        {str(role): index[owner == role] for role in np.unique(owner)}
        for index, owner in zip(columns["index"], columns["role"], strict=True)
    )
