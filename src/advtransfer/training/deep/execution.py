"""How the arithmetic is carried out: precision, memory format, compilation, determinism."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from advtransfer.objectives.deep.attacking import under_attack


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Settings that change the speed of a training and the last bits of its result, not what it computes.

    bf16: matrix products and convolutions in bfloat16 (autocast), weights and losses in float32. channels_last: the
    memory format of images and weights. compile: torch.compile, or a line that says why not. tf32: let a GPU round
    the factors of float32 products to 10 bits. deterministic: only kernels that give the same bytes every time;
    without it cuDNN also picks its kernels by a race.
    """

    bf16: bool = False
    channels_last: bool = True
    compile: bool = False
    tf32: bool = False
    deterministic: bool = True

    @contextmanager
    def active(self, device: torch.device) -> Iterator[None]:
        """The settings that torch keeps for the whole process, and its random state, for the time of a training."""
        before = _Switches.now()
        devices = [device] if device.type == "cuda" else []
        if self.deterministic:
            # read when the first product on the GPU makes the handle of cuBLAS
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        try:
            _Switches(
                matmul="high" if self.tf32 else "highest",
                convolution_tf32=self.tf32,
                race=not self.deterministic,
                deterministic=self.deterministic,
            ).set()
            with torch.random.fork_rng(devices=devices):
                yield
        finally:
            before.set()

    def autocast(self, device: torch.device) -> torch.autocast:
        """Around every forward pass; never around an update, behind which it would keep the old weights' copies."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16)

    def arrange(self, model: nn.Module) -> None:
        """The memory format of the weights, in place."""
        model.to(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)

    def compiled(self, model: nn.Module, x: Tensor) -> nn.Module:
        """What computes the model on images like ``x``: its compiled form where asked for and possible.

        Compiles at once, in train mode and as under attack, so that a compiler that fails does so here.
        """
        if not self.compile:
            return model
        fast = cast(nn.Module, torch.compile(model))
        try:
            with self.autocast(x.device), _buffers_kept(model):
                _try(fast, x)
        except Exception as error:  # whatever a compiler may raise: training goes on without it
            reason = [type(error).__name__, *str(error).strip().splitlines()[:1]]
            print(f"torch.compile failed, training goes on without it: {': '.join(reason)}", file=sys.stderr)
            return model
        return fast


def _try(model: nn.Module, x: Tensor) -> None:
    model(x).float().sum().backward()
    model.zero_grad()
    with under_attack(model):
        leaf = x.detach().clone().requires_grad_(True)
        torch.autograd.grad(model(leaf).float().sum(), leaf)


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        yield
    finally:
        model.zero_grad()
        for name, buffer in model.named_buffers():
            buffer.copy_(kept[name])


@dataclass(frozen=True)
class _Switches:
    """torch's process-wide settings. (The older names: the compiler reads these, and torch refuses a mixture.)"""

    matmul: str
    convolution_tf32: bool
    race: bool
    deterministic: bool
    fill_memory: bool = False  # what determinism would cost for a check that nothing here needs

    @classmethod
    def now(cls) -> _Switches:
        return cls(
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.allow_tf32,
            torch.backends.cudnn.benchmark,
            torch.are_deterministic_algorithms_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        )

    def set(self) -> None:
        torch.set_float32_matmul_precision(self.matmul)
        torch.backends.cudnn.allow_tf32 = self.convolution_tf32
        torch.backends.cudnn.benchmark = self.race
        torch.use_deterministic_algorithms(self.deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = self.fill_memory  # type: ignore[attr-defined]
