"""TRADES (Zhang et al. 2019): accuracy on clean images against stability around them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advtransfer.attacks.pgd import PGD
from advtransfer.objectives.deep.attacking import perturb, under_attack
from advtransfer.objectives.deep.batch import Batch, Objective
from advtransfer.objectives.deep.knobs import Norm, Radius, StepLength, Steps, Weight
from advtransfer.objectives.deep.losses import correct, cross_entropy, kl_divergence
from advtransfer.objectives.deep.perturbed import pgd


def make(
    *, norm: Norm, eps: Radius, steps: Steps, relative_step: StepLength = 2.5, beta: Weight, smoothing: float
) -> Trades:
    """Cross-entropy at the image and its distance to the attacked one (Zhang et al. 2019)."""
    attack = pgd(norm=norm, eps=eps, steps=steps, relative_step=relative_step)
    return Trades(attack=attack, beta=beta, smoothing=smoothing)


@dataclass(frozen=True, kw_only=True)
class Trades(Objective):
    """Mean of CE(f(x), y) + beta KL(f(x) || f(x')) with x' the attack's maximum of the KL (eq. 5, algorithm 1).

    The attack starts uniformly in the ball, not within .001 of x as in the authors' code: at x itself the KL has no
    gradient. f(x) is a constant to the attack and differentiated in the loss; the two passes of the loss are
    separate, each with its own batch statistics, as in that code.
    """

    attack: PGD
    beta: float
    smoothing: float = 0.0

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``loss``, ``accuracy`` on clean images and ``adversarial_accuracy`` at x'."""
        with under_attack(model), torch.no_grad():
            reference = model(batch.x)
        moved = perturb(model, self.attack, batch, lambda scores: kl_divergence(reference, scores))
        clean, adversarial = model(batch.x), model(moved)
        losses = cross_entropy(clean, batch.y, self.smoothing) + self.beta * kl_divergence(clean, adversarial)
        return {
            "loss": losses.mean(),
            "accuracy": correct(clean, batch.y).mean(),
            "adversarial_accuracy": correct(adversarial, batch.y).mean(),
        }
