"""Random numbers of a training: a function of (seed, replica, purpose, step, part) and of nothing before it.

So a resumed run needs no generator's state, only the number of its next step. On a CPU they are drawn by NumPy, the
same on every processor; on a GPU the large tensors (noise of the images' shape) are drawn there, from a seed that the
same stream gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advtransfer.seeding import Streams, stream


@dataclass(frozen=True)
class Randomness:
    """The streams of one replica under the study's root seed."""

    root: int
    replica: int = 0

    def generator(self, *purpose: str | int) -> np.random.Generator:
        """The host's generator of ``purpose``, e.g. ("augment", step, part)."""
        return stream(self.root, "replica", self.replica, *purpose)

    def streams(self, device: torch.device, *purpose: str | int) -> Streams:
        """Draws of shape [1, ...] for ``purpose``; they lie on the host or on ``device``."""
        generator = self.generator(*purpose)
        return Streams((generator,)) if device.type == "cpu" else DeviceStreams((generator,), device)

    def seed_modules(self, *purpose: str | int) -> None:
        """Seeds torch's default generators, from which modules such as dropout draw."""
        torch.manual_seed(int(self.generator("modules", *purpose).integers(2**63)))


@dataclass(frozen=True)
class DeviceStreams(Streams):
    """One replica's draws on an accelerator: the same on one type of device, others elsewhere."""

    device: torch.device

    def normal(self, *shape: int) -> Tensor:
        """Standard normal float32, shape [1, *shape]."""
        return torch.randn(1, *shape, generator=self._seeded(), device=self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1) float32, shape [1, *shape]."""
        return torch.rand(1, *shape, generator=self._seeded(), device=self.device)

    def _seeded(self) -> torch.Generator:
        (host,) = self.generators
        return torch.Generator(self.device).manual_seed(int(host.integers(2**63)))
