"""The linear transfer model and an exact sampler of what its estimators need.

Source: Deng, Zhang, Vodrahalli, Kawaguchi, Zou, "Adversarial Training Helps Transfer Learning via Better
Representations" (NeurIPS 2021), linear model. A task is x = y B a + rho z with y = +-1 equally likely, z ~
N(0, I_p) and B in O(p, r); its loss is -y <beta, x> over |beta|_2 <= 1.

Every estimator depends on the data of a task only through mean(y x), so no n x p data are drawn:
  labelled   u = mean(y x)      = B a + rho / sqrt(n) N(0, I_p)
  pseudo     v = mean(yhat x)   see `pseudo_label_mean`
Both are exact in law. Arrays carry the trials first and the coordinates of x last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advtransfer.seeding import stream
from advtransfer.theory.linear.scenario import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """One draw of the sufficient statistics for N trials; float64."""

    basis: Floats  # [N, p, r]  B, orthonormal columns
    labelled: Floats  # [N, T, p]  u_t, the labelled mean of each source task
    pseudo: Floats  # [N, T, p]  labelled and pseudo-labelled points together
    target: Floats  # [N, p]  B a of the target task
    target_mean: Floats  # [N, p]  its labelled mean, from n_target points


def unit(vectors: Floats) -> Floats:
    """Vectors [..., p] scaled to length 1; the zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def draw(s: Scenario, trials: Sequence[int], seed: int, *, pseudo: bool = True) -> Draw:
    """Sample the statistics of the given trials; trial i is the same whichever others are asked for.

    With `pseudo` false no unlabelled data are drawn and `Draw.pseudo` is the labelled mean.
    """
    basis = np.stack([_basis(s, _rng(seed, i, "representation")) for i in trials])
    means = np.stack([_directions(s.T, s.r, _rng(seed, i, "tasks")) for i in trials])
    means = (means * s.levels()[:, None]) @ basis.swapaxes(-1, -2)
    noise = np.stack([_rng(seed, i, "labelled").standard_normal((s.T, s.p)) for i in trials])
    labelled = means + s.rho / np.sqrt(s.n) * noise
    with_pseudo = _pseudo(s, means, labelled, trials, seed) if pseudo and s.n_u else labelled
    target, target_mean = _target(s, basis, trials, seed)
    return Draw(basis, labelled, with_pseudo, target, target_mean)


def pseudo_label_mean(mean: Floats, beta: Floats, rho: float, along: Floats, across: Floats) -> Floats:
    """mean(yhat x) over n_u unlabelled points with yhat = sign <beta, x>, exact in law.

    With x = y (B a + rho z), z = g beta + z_perp and c = sign(<beta, B a> + rho g): yhat x = c (B a + rho z),
    hence
      mean(c) B a + rho mean(c g) beta + rho / sqrt(n_u) (I - beta beta') N(0, I_p)
    because the sign c is independent of z_perp.

    mean [T, p] is B a_t, beta [T, p] the unit labeller, along [T, n_u] draws of g, across [T, p] standard
    normal.
    """
    wrong = (beta * mean).sum(-1, keepdims=True) + rho * along < 0
    n_u = along.shape[-1]
    mean_c = 1.0 - 2.0 * np.count_nonzero(wrong, axis=-1) / n_u
    mean_cg = (along.sum(-1) - 2.0 * np.einsum("tn,tn->t", along, wrong)) / n_u
    perpendicular = across - (beta * across).sum(-1, keepdims=True) * beta
    return mean_c[:, None] * mean + rho * mean_cg[:, None] * beta + rho / np.sqrt(n_u) * perpendicular


def _rng(seed: int, trial: int, purpose: str) -> np.random.Generator:
    """One stream per trial and purpose: changing one parameter leaves the other draws as they were."""
    return stream(seed, "replica", trial, "linear", purpose)


def _pseudo(s: Scenario, means: Floats, labelled: Floats, trials: Sequence[int], seed: int) -> Floats:
    out = np.empty_like(labelled)
    for k, trial in enumerate(trials):
        rng = _rng(seed, trial, "unlabelled")
        across = rng.standard_normal((s.T, s.p))
        along = rng.standard_normal((s.T, s.n_u))
        unlabelled = pseudo_label_mean(means[k], unit(labelled[k]), s.rho, along, across)
        out[k] = (s.n * labelled[k] + s.n_u * unlabelled) / s.n_pseudo
    return out


def _target(s: Scenario, basis: Floats, trials: Sequence[int], seed: int) -> tuple[Floats, Floats]:
    rngs = [_rng(seed, i, "target") for i in trials]
    direction = np.concatenate([_directions(1, s.r, rng) for rng in rngs])
    noise = np.stack([rng.standard_normal(s.p) for rng in rngs])
    target = s.target_signal * np.einsum("kpr,kr->kp", basis, direction)
    return target, target + s.rho / np.sqrt(s.n_target) * noise


def _basis(s: Scenario, rng: np.random.Generator) -> Floats:
    """B: a uniformly random r-dimensional space, inside `support` random coordinates if that is set."""
    rows = s.support or s.p
    block = np.linalg.qr(rng.standard_normal((rows, s.r)))[0]
    if not s.support:
        return block
    out = np.zeros((s.p, s.r))
    out[rng.permutation(s.p)[:rows]] = block
    return out


def _directions(count: int, r: int, rng: np.random.Generator) -> Floats:
    """Uniform unit vectors [count, r]."""
    return unit(rng.standard_normal((count, r)))
