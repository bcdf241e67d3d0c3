"""Random streams: one root seed in params.yaml, one independent stream per (replica, purpose).

Numbers are drawn on the host with NumPy's PCG64, so a stream is the same on every device and processor, does
not depend on which replicas share a job, and is not consumed by anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def stream(root: int, *path: str | int) -> np.random.Generator:
    """The generator that belongs to ``path`` (e.g. ``replica, "split"``) under the study's ``root`` seed."""
    key = hashlib.sha256("/".join(map(str, (root, *path))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key[:16], "little")))


@dataclass(frozen=True)
class Streams:
    """One stream per replica; every draw has the replicas as its leading axis."""

    generators: tuple[np.random.Generator, ...]

    @classmethod
    def of(cls, root: int, replicas: Sequence[int], *purpose: str | int) -> Streams:
        return cls(tuple(stream(root, "replica", replica, *purpose) for replica in replicas))

    def normal(self, *shape: int) -> Tensor:
        """Standard normal float32, shape [R, *shape]."""
        return self._stack([g.standard_normal(shape, dtype=np.float32) for g in self.generators])

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1) float32, shape [R, *shape]."""
        return self._stack([g.random(shape, dtype=np.float32) for g in self.generators])

    @staticmethod
    def _stack(draws: list[np.ndarray]) -> Tensor:
        import torch

        return torch.from_numpy(np.stack(draws))
