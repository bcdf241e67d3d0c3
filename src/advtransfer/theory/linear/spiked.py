"""What random matrix theory says about the top singular vectors, to check the simulation against.

The task vectors form a p x T matrix: signal B A plus Gaussian noise. Benaych-Georges and Nadakuditi ("The
singular values and vectors of low rank perturbations of large rectangular random matrices", 2012) give the
angle between true and estimated left singular vectors for large p and T; `spiked_sin2` is their rectangular
Gaussian case.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from advtransfer.theory.linear.scenario import Scenario, only_strong


def spiked_sin2(*, p: int, T: int, r: int, signal2: float, noise2: float) -> float:
    """Mean squared sine per direction: T vectors of mean squared signal `signal2`, noise variance `noise2`.

    In units of the noise level sqrt(T noise2) each of the r spikes has squared size t = signal2 / (r noise2),
    and with c = p / T
        sin^2 = c (1 + t) / (t (t + c))   for t > sqrt(c), else 1.
    Large t: c / t. Assumes that the tasks use all r directions equally.
    """
    if noise2 == 0:
        return 0.0 if signal2 > 0 else 1.0
    c = p / T
    t = signal2 / (r * noise2)
    return c * (1 + t) / (t * (t + c)) if t > math.sqrt(c) else 1.0


def labelled_sin2(s: Scenario) -> float:
    """Plain SVD of the labelled means; only the mean of |a_t|^2 matters."""
    signal2 = float(np.mean(s.levels() ** 2))
    return spiked_sin2(p=s.p, T=s.T, r=s.r, signal2=signal2, noise2=s.rho**2 / s.n)


def pseudo_sin2(s: Scenario) -> float:
    """Plain SVD of the pseudo-labelled means of tasks of one level a = signals[0], wrong labels included.

    For large p the labeller beta = u / |u| has |u|^2 = a^2 + rho^2 p / n and margin m = a^2 / (rho |u|).
    Taking expectations in `pseudo_label_mean` with E c = 2 Phi(m) - 1 and E c g = 2 phi(m), the share w = n_u
    / (n + n_u) of pseudo-labels keeps the part k = 1 - w + 2 w rho phi(m) / |u| of the labelled mean's noise:
        signal  (k + w (2 Phi(m) - 1)) a,   noise variance  k^2 rho^2 / n + w^2 rho^2 / n_u.
    The part of k that does not vanish with n_u is what the labeller's own mistakes write back into the mean.
    """
    a, w = s.signals[0], s.n_u / s.n_pseudo
    if s.rho == 0 or s.n_u == 0:
        return labelled_sin2(s)
    length = math.sqrt(a**2 + s.rho**2 * s.p / s.n)
    m = a**2 / (s.rho * length)
    kept = 1 - w + 2 * w * s.rho * math.exp(-(m**2) / 2) / math.sqrt(2 * math.pi) / length
    signal = (kept + w * math.erf(m / math.sqrt(2))) * a
    noise2 = kept**2 * s.rho**2 / s.n + w**2 * s.rho**2 / s.n_u
    return spiked_sin2(p=s.p, T=s.T, r=s.r, signal2=signal**2, noise2=noise2)


def closed_form(s: Scenario, variant: str) -> float | None:
    """Root mean squared sine per direction (compare with sin_theta_fro / sqrt(r)), or None without a theory.

    Clean training agrees with the plain SVD while all |u_t| are nearly equal, that is with one signal level.
    Adversarial l2 is taken to silence exactly the tasks below the first level.
    """
    one_level, strong = len(s.signals) == 1, only_strong(s)
    enough = s.r <= strong.T
    forms: dict[str, tuple[bool, Callable[[], float]]] = {
        "plain_svd": (True, lambda: labelled_sin2(s)),
        "clean": (one_level, lambda: labelled_sin2(s)),
        "adversarial_l2": (enough, lambda: labelled_sin2(strong)),
        "plain_svd_pseudo": (one_level, lambda: pseudo_sin2(s)),
        "pseudo": (one_level, lambda: pseudo_sin2(s)),
        "pseudo_l2": (enough, lambda: pseudo_sin2(strong)),
    }
    holds, form = forms.get(variant, (False, lambda: 0.0))
    return math.sqrt(form()) if holds else None
