"""Fast adversarial training (Wong et al. 2020, algorithm 3)."""

from __future__ import annotations

from advtransfer.objectives.deep.knobs import Radius
from advtransfer.objectives.deep.perturbed import Perturbed, pgd


def make(*, eps: Radius, smoothing: float) -> Perturbed:
    """One linf step of 1.25 eps from a random start (Wong et al. 2020)."""
    attack = pgd(norm="linf", eps=eps, steps=1, relative_step=1.25)
    return Perturbed(perturbation=attack, smoothing=smoothing)
