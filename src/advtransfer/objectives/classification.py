"""Classification on perturbed inputs: clean, Gaussian and adversarial training differ in the perturbation alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from advtransfer.attacks.pgd import PGD, Loss
from advtransfer.models import mlp
from advtransfer.objectives.losses import cross_entropy
from advtransfer.seeding import Streams


class Perturbation(Protocol):
    """Moves examples x [R, B, *event] before the model learns from them."""

    def __call__(self, loss: Loss, x: Tensor, streams: Streams) -> Tensor: ...


class Unperturbed:
    """Clean training."""

    def __call__(self, loss: Loss, x: Tensor, streams: Streams) -> Tensor:
        return x


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """Noise of standard deviation ``sigma`` in every coordinate: the baseline of an attack of the same size."""

    sigma: float

    def __call__(self, loss: Loss, x: Tensor, streams: Streams) -> Tensor:
        return x + self.sigma * streams.normal(*x.shape[1:]).to(x)


def make_perturbation(spec: Mapping[str, Any] | None) -> Perturbation:
    """From params: None, {"attack": PGD arguments} or {"gaussian": {"sigma": s}}."""
    if spec is None:
        return Unperturbed()
    (kind, arguments), *_ = spec.items()
    return PGD(**arguments) if kind == "attack" else Gaussian(**arguments)


@dataclass(frozen=True)
class Classification:
    """Cross-entropy at the perturbed examples (Madry et al. 2018, eq. 2.1, where the perturbation is an attack)."""

    perturbation: Perturbation
    streams: Streams

    def __call__(self, parameters: mlp.Parameters, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Per replica ``loss`` (differentiable) and ``accuracy`` on the perturbed batch, both [R]."""
        frozen = {name: p.detach() for name, p in parameters.items()}
        moved = self.perturbation(lambda z: cross_entropy(mlp.logits(frozen, z), y), x, self.streams)
        scores = mlp.logits(parameters, moved)
        return {
            "loss": cross_entropy(scores, y).mean(1),
            "accuracy": (scores.detach().argmax(2) == y).float().mean(1),
        }
