"""Target risk and error of a linear classifier: closed forms of the model, no test data."""

from __future__ import annotations

import math

import numpy as np

from advtransfer.theory.linear.model import Floats, unit


def head(features: Floats, target_mean: Floats) -> Floats:
    """Target classifier W w2 [N, p] on frozen features W [N, p, r]: w2 = W' u / |W' u|, u the target mean."""
    w2 = unit(np.einsum("kpr,kp->kr", features, target_mean))
    return np.einsum("kpr,kr->kp", features, w2)


def target_metrics(beta: Floats, target: Floats, rho: float) -> dict[str, Floats]:
    """Excess risk |a| - <beta, B a> and error Phi(-<beta, B a> / (rho |beta|)), each [N].

    The risk is E[-y <beta, x>] = -<beta, B a> (units of x), smallest at B a / |a|. A classifier that is zero
    is wrong half of the time. beta and target (B a) are [N, p].
    """
    gain = (beta * target).sum(-1)
    margin = (unit(beta) * target).sum(-1)
    excess = np.linalg.norm(target, axis=-1) - gain
    return {"excess_risk": excess, "error": normal_tail(margin, rho)}


def split_excess(features: Floats, beta: Floats, target: Floats) -> dict[str, Floats]:
    """The two parts of the excess risk: what no head on these features avoids, and the head's own error."""
    best = np.linalg.norm(np.einsum("kpr,kp->kr", features, target), axis=-1)
    return {
        "representation_excess": np.linalg.norm(target, axis=-1) - best,
        "head_excess": best - (beta * target).sum(-1),
    }


def normal_tail(margin: Floats, rho: float) -> Floats:
    """P(N(0, rho^2) > margin) for each margin [N]; without noise 0, 1/2 or 1."""
    if rho == 0:
        return 0.5 * (1.0 - np.sign(margin))
    return np.array([0.5 * math.erfc(m / (rho * math.sqrt(2.0))) for m in margin])
