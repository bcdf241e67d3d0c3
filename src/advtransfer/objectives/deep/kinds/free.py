"""Free adversarial training (Shafahi et al. 2019): one backward pass moves both the weights and the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from advtransfer.attacks.norms import NORMS
from advtransfer.objectives.deep.batch import Batch, Objective
from advtransfer.objectives.deep.knobs import Norm, Radius, Replays
from advtransfer.objectives.deep.losses import correct, cross_entropy


def make(*, norm: Norm = "linf", eps: Radius, replays: Replays, smoothing: float) -> Free:
    """One backward pass for weights and images, each batch several times (Shafahi et al. 2019)."""
    return Free(norm=norm, eps=eps, replays=replays, smoothing=smoothing)


@dataclass(kw_only=True)
class Free(Objective):
    """Each batch is replayed; every replay descends in the weights and takes one step of eps in the images.

    Algorithm 1 of the paper: the perturbation starts at zero, is projected on the ball, and carries over from
    replay to replay and from batch to batch, so all batches must have one shape. The gradient of the images is that
    of the training pass, so BatchNorm is in train mode here, by the method's nature. A study that replays m times
    takes m gradient steps a batch: give it 1/m of the batches for the same number of steps.
    """

    eps: float
    replays: int = field()
    norm: str = "linf"
    smoothing: float = 0.0
    deltas: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)  # of each part of a batch

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``loss`` and ``accuracy`` of the first replay."""
        return next(self.replay(model, batch))

    def replay(self, model: nn.Module, batch: Batch) -> Iterator[dict[str, Tensor]]:
        """``loss`` and ``accuracy`` at the images as the earlier replays moved them."""
        delta = self._delta(batch)
        for _ in range(self.replays):
            moved = (batch.x + delta).clamp(0.0, 1.0).requires_grad_(True)
            scores = model(moved)
            yield {
                "loss": cross_entropy(scores, batch.y, self.smoothing).mean(),
                "accuracy": correct(scores, batch.y).mean(),
            }
            delta = self._step(moved, batch.x)
        self.deltas[batch.part] = delta

    def state(self) -> dict[str, Tensor]:
        """The perturbation of each part, name -> [B, C, H, W]."""
        return {f"delta_{part}": delta for part, delta in self.deltas.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.deltas = {int(name.removeprefix("delta_")): delta for name, delta in state.items()}

    def _delta(self, batch: Batch) -> Tensor:
        delta = self.deltas.get(batch.part)
        if delta is None:
            return torch.zeros_like(batch.x)
        if delta.shape != batch.x.shape:
            raise ValueError(
                f"free training carries its perturbation from batch to batch: shape {tuple(delta.shape)}, "
                f"the next batch has {tuple(batch.x.shape)}"
            )
        return delta.to(batch.x)

    @torch.no_grad()
    def _step(self, moved: Tensor, x: Tensor) -> Tensor:
        if moved.grad is None:
            raise RuntimeError("free training needs the loss to be backpropagated before the next replay")
        norm, events = NORMS[self.norm], x.dim() - 1
        return norm.project(moved - x + self.eps * norm.steepest(moved.grad, events), self.eps, events)
