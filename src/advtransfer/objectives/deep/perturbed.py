"""Cross-entropy at perturbed images: what clean, noisy and adversarial training have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from advtransfer.attacks.pgd import PGD
from advtransfer.objectives.classification import Perturbation
from advtransfer.objectives.deep.attacking import perturb
from advtransfer.objectives.deep.batch import Batch, Objective
from advtransfer.objectives.deep.losses import correct, cross_entropy

PIXELS = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Perturbed(Objective):
    """Mean cross-entropy at the images moved by ``perturbation``, None for clean training.

    With an attack it is adversarial training (Madry et al. 2018, eq. 2.1). The attack maximises the cross-entropy
    with the labels as they are; ``smoothing`` concerns what is learned.
    """

    perturbation: Perturbation | None
    smoothing: float = 0.0

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``loss`` and ``accuracy`` at the perturbed images."""
        x = batch.x
        if self.perturbation is not None:
            x = perturb(model, self.perturbation, batch, lambda scores: cross_entropy(scores, batch.y))
        scores = model(x)
        return {
            "loss": cross_entropy(scores, batch.y, self.smoothing).mean(),
            "accuracy": correct(scores, batch.y).mean(),
        }


def pgd(**arguments: Any) -> PGD:
    """The attack of adversarial training on images: PGD's arguments, but for ``clip``.

    eps is in units of pixels in [0, 1]. In the many dimensions of an image a uniform start in an l2 ball lies next to
    its surface, from where few steps get less far than from the centre: ``random_start=False`` is stronger there.
    """
    return PGD(**arguments, clip=PIXELS)
