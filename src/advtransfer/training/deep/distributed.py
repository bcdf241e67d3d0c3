"""Several processes, one model: each learns from its rows of every batch, and all take the same step.

Started by ``torchrun --nproc-per-node N ...``. Gradients are averaged behind the backward pass rather than by
DistributedDataParallel, which counts on one forward and one backward pass for each step: attacks, TRADES and replays
do not keep to that. A step with an attack of k steps exchanges one gradient for k + 1 passes, so little is lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from advtransfer.devices import pick_device

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train one model; rank 0 writes and reports. (0, 1) is a process on its own."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def part(self, number: int) -> int:
        """Number, within the whole batch, of this process's part ``number``: no two draw the same random numbers."""
        return self.rank + self.size * number

    def rows(self, count: int) -> slice:
        """This process's rows of a batch of ``count``; ValueError if they cannot be shared out evenly."""
        if count % self.size:
            raise ValueError(f"a batch of {count} cannot be shared out evenly to {self.size} processes")
        return slice(self.rank, None, self.size)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its mean over the processes."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def share_statistics(self, model: nn.Module) -> nn.Module:
        """The model with BatchNorm over the whole batch, as SyncBatchNorm, which exists on GPUs only.

        On a CPU a model with BatchNorm that learns is refused (ValueError): every process would keep statistics of its
        own. Build it with norm="group", or freeze these layers.
        """
        layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
        if self.size == 1 or not layers:
            return model
        if next(model.parameters()).device.type != "cuda":
            raise ValueError(f"BatchNorm cannot be shared by {self.size} processes on a CPU; use norm: group")
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)


@contextmanager
def connected() -> Iterator[tuple[World, torch.device]]:
    """The world and this process's device: as torchrun's environment says, else a process on its own."""
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = pick_device().type == "cuda"
    device = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if size == 1:
        yield World(), device
        return
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
