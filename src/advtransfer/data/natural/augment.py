"""Random crop, horizontal flip and cutout of a batch on its device, driven by numbers drawn on the host.

The draws come from NumPy's PCG64 (see ``seeding``), so they are the same on every device. Images come out as
float32 in [0, 1]: attacks live in pixel space, so normalisation belongs to the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """What is done to every image, in this order.

    Args:
        padding: pixels added on every side before a crop of the image's own size at random; 0: no crop.
        mode: what is added: ``zero`` (black), or ``reflect``, the image mirrored at its outermost pixels.
        flip: mirror left and right, every second image on average.
        cutout: side of a square set to ``fill``, its centre anywhere in the image, so part of it may lie
            outside (DeVries and Taylor 2017, who fill after normalisation, that is with the mean); 0: none.
    """

    padding: int = 4
    mode: Literal["reflect", "zero"] = "reflect"
    flip: bool = True
    cutout: int = 0
    fill: float = 0.5

    def __call__(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """[B, C, H, W] uint8 -> float32 in [0, 1]; ``rng`` belongs to the step, for instance
        ``stream(seed, "replica", replica, "augment", step)``."""
        return self.apply(x, self.draw(rng, len(x), x.shape[2], x.shape[3]))

    def draw(self, rng: np.random.Generator, count: int, height: int, width: int) -> Draws:
        """Everything is drawn whether it is used or not: switching one part off changes no other."""
        return Draws(
            top=rng.integers(2 * self.padding + 1, size=count),
            left=rng.integers(2 * self.padding + 1, size=count),
            flipped=rng.integers(2, size=count).astype(bool),
            centre_y=rng.integers(height, size=count),
            centre_x=rng.integers(width, size=count),
        )

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        """One gather for crop and flip together: no padded copy is made."""
        height, width = x.shape[2:]
        if self.mode == "reflect" and self.padding >= min(height, width):
            raise ValueError(
                f"padding {self.padding} cannot be reflected in images of {height}x{width} pixels"
            )
        move = lambda values: torch.from_numpy(values).to(x.device)[:, None]  # noqa: E731
        steps = torch.arange(width, device=x.device)
        columns = torch.where(move(draws.flipped & self.flip), width - 1 - steps, steps) + move(draws.left)
        rows = torch.arange(height, device=x.device) + move(draws.top)
        y = self._gather(x, rows - self.padding, columns - self.padding)
        if self.cutout:
            y = y.masked_fill(_square(y, move(draws.centre_y), move(draws.centre_x), self.cutout), self.fill)
        return y

    def _gather(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """``x`` at rows [B, H] and columns [B, W], which may lie outside, as [0, 1]; keeps channels last."""
        height, width = x.shape[2:]
        if self.mode == "reflect":
            rows, columns = _reflect(rows, height), _reflect(columns, width)
        inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
        flat = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
        flat += torch.arange(len(x), device=x.device)[:, None, None] * (height * width)
        pixels = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).index_select(0, flat.flatten())
        y = to_unit(pixels).view(len(x), height, width, -1)
        if self.mode == "zero":
            y = y * inside[..., None]
        return y.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Draws:
    """Random numbers of B images, [B] each: corner of the crop in the padded image, flip, square's centre."""

    top: np.ndarray
    left: np.ndarray
    flipped: np.ndarray
    centre_y: np.ndarray
    centre_x: np.ndarray


def to_unit(x: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1], as torchvision's to_dtype does it; ValueError for another type.

    A product, because a GPU divides by a number by multiplying with its inverse: other last bits than a CPU.
    """
    if x.dtype != torch.uint8:
        raise ValueError(f"images must be uint8, found {x.dtype}")
    return x.to(torch.float32).mul_(1 / 255)


def _reflect(at: Tensor, size: int) -> Tensor:
    """Mirrors positions up to ``size`` - 1 outside; the outermost pixel itself is not repeated."""
    at = at.abs()
    return (size - 1) - (size - 1 - at).abs()


def _within(at: Tensor, size: int) -> Tensor:
    return (at >= 0) & (at < size)


def _square(x: Tensor, centre_y: Tensor, centre_x: Tensor, side: int) -> Tensor:
    """[B, 1, H, W], true in squares with these centres; an even side has one pixel more before the centre."""
    height, width = x.shape[2:]
    rows = _within(torch.arange(height, device=x.device) - centre_y + side // 2, side)
    columns = _within(torch.arange(width, device=x.device) - centre_x + side // 2, side)
    return (rows[:, :, None] & columns[:, None, :])[:, None]
