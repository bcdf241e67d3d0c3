"""Learning curves, kept on the device so that recording them waits for nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Curves:
    """Measurements of every update, float32 [updates, names]; ``names`` are known from the first record on."""

    def __init__(self, updates: int, device: torch.device) -> None:
        self.names: list[str] = []
        self._updates = updates
        self._device = device
        self._values = torch.empty(0)
        self._checked = 0

    def record(self, update: int, values: dict[str, Tensor]) -> None:
        """Scalars of one update."""
        if not self.names:
            self._allocate(list(values))
        self._values[update] = torch.stack([values[name] for name in self.names])

    def mean(self, begin: int, end: int) -> dict[str, float]:
        """The mean over some updates; waits for the device."""
        means = self._values[begin:end].mean(0).tolist()
        return dict(zip(self.names, means, strict=True))

    def refuse_nonsense(self, done: int) -> None:
        """FloatingPointError if the loss of one of the first ``done`` updates is not finite; waits for the device."""
        if done <= self._checked:
            return
        losses = self._values[self._checked : done, self.names.index("loss")]
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            update = self._checked + int(bad[0])
            raise FloatingPointError(f"the loss is {self.column('loss')[update].item()} at update {update}")
        self._checked = done

    def column(self, name: str) -> Tensor:
        """One curve, float32 [updates], on the host."""
        return self._values[:, self.names.index(name)].cpu()

    def all(self) -> dict[str, Tensor]:
        """Every curve by name."""
        return {name: self.column(name).clone() for name in self.names}

    def rows(self, done: int) -> Tensor:
        """The first ``done`` updates, [done, names]."""
        return self._values[:done]

    def load(self, names: Sequence[str], rows: Tensor) -> None:
        """Takes back ``names`` and ``rows``."""
        if names:
            self._allocate(list(names))
            self._values[: len(rows)] = rows.to(self._device)

    def _allocate(self, names: list[str]) -> None:
        self.names = names
        self._values = torch.full((self._updates, len(names)), torch.nan, device=self._device)
