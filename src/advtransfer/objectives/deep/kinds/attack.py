"""Adversarial training (Madry et al. 2018, eq. 2.1)."""

from __future__ import annotations

from advtransfer.objectives.deep.knobs import Norm, Radius, StepLength, Steps
from advtransfer.objectives.deep.perturbed import Perturbed, pgd


def make(
    *, norm: Norm, eps: Radius, steps: Steps, relative_step: StepLength = 2.5, smoothing: float
) -> Perturbed:
    """Projected gradient descent, in units of pixels in 0..1, clipped to them."""
    attack = pgd(norm=norm, eps=eps, steps=steps, relative_step=relative_step)
    return Perturbed(perturbation=attack, smoothing=smoothing)
