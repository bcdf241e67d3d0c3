"""What each kind of training returns for one source task, in closed form (derivations: docs/theory.md).

All take task means u [..., p] and return directions [..., p], float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advtransfer.theory.linear.model import Draw, Floats, unit
from advtransfer.theory.linear.scenario import Scenario


def clean(u: Floats) -> Floats:
    """argmin of -<beta, u> over |beta|_2 <= 1: u / |u|."""
    return unit(u)


def adversarial_l2(u: Floats, eps: float) -> Floats:
    """argmin of -<beta, u> + eps |beta|_2 over |beta|_2 <= 1: u / |u| where |u| > eps, else 0."""
    keep = np.linalg.norm(u, axis=-1, keepdims=True) > eps
    return np.where(keep, unit(u), 0.0)


def adversarial_linf(u: Floats, eps: float) -> Floats:
    """argmin of -<beta, u> + eps |beta|_1 over |beta|_2 <= 1: S / |S|, S the soft threshold of u at eps."""
    return unit(np.sign(u) * np.maximum(np.abs(u) - eps, 0.0))


# name -> the T vectors per trial whose top-r left singular vectors are W1
SOURCE_TRAINING: dict[str, Callable[[Draw, Scenario], Floats]] = {
    "clean": lambda d, s: clean(d.labelled),
    "adversarial_l2": lambda d, s: adversarial_l2(d.labelled, s.radius_l2()),
    "adversarial_linf": lambda d, s: adversarial_linf(d.labelled, s.radius_linf()),
    "pseudo": lambda d, s: clean(d.pseudo),
    "pseudo_l2": lambda d, s: adversarial_l2(d.pseudo, s.radius_l2(pseudo=True)),
    "pseudo_linf": lambda d, s: adversarial_linf(d.pseudo, s.radius_linf(pseudo=True)),
    "plain_svd": lambda d, s: d.labelled,
    "plain_svd_pseudo": lambda d, s: d.pseudo,
}
USES_PSEUDO = ("pseudo", "pseudo_l2", "pseudo_linf", "plain_svd_pseudo")
