"""Noise of the same size: what an attack has to be better than."""

from __future__ import annotations

from advtransfer.objectives.classification import Gaussian
from advtransfer.objectives.deep.knobs import Deviation
from advtransfer.objectives.deep.perturbed import Perturbed


def make(*, sigma: Deviation, smoothing: float) -> Perturbed:
    """Noise instead of an attack."""
    return Perturbed(perturbation=Gaussian(sigma=sigma), smoothing=smoothing)
