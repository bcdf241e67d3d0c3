"""What an objective is given, and what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from advtransfer.seeding import Streams


@dataclass(frozen=True)
class Batch:
    """Examples of one gradient step, or of one part of it.

    x: images, float32 [B, C, H, W] in [0, 1]. y: labels, int64 [B], or class probabilities, float32 [B, K].
    streams: random numbers of this step and part, for one replica. part: number of the part within its step.
    """

    x: Tensor
    y: Tensor
    streams: Streams
    part: int = 0


class Objective(ABC):
    """What is minimised; the training loop knows nothing else of it.

    Calling it gives a dict of scalar tensors: ``loss``, differentiable in the model's parameters, the mean over
    the batch; and detached measurements, ``accuracy`` among them, also means over the batch, so that parts of a
    batch can be averaged.
    """

    replays: int = 1  # gradient steps that one batch is good for

    @abstractmethod
    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]: ...

    def replay(self, model: nn.Module, batch: Batch) -> Iterator[dict[str, Tensor]]:
        """Yields ``replays`` times what a call returns.

        The loop calls ``backward`` on each loss and takes a gradient step before it asks for the next one, and
        runs the iterator to its end, so an objective may read the gradients of its own tensors behind a yield.
        """
        yield self(model, batch)

    def state(self) -> dict[str, Tensor]:
        """What the objective carries from batch to batch: part of a checkpoint."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Takes back what ``state`` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} keeps no state, was given {', '.join(sorted(state))}")
