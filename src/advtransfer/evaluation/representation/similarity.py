"""How alike two representations of the same images are: linear CKA (Kornblith et al. 2019)."""

from __future__ import annotations

from torch import Tensor

MIN_IMAGES = 4  # the unbiased estimate divides by n - 3


def linear_cka(x: Tensor, y: Tensor, *, unbiased: bool = True) -> float:
    """CKA with linear kernels of features x [n, d] and y [n, e] of the same n images, row by row.

    1 for features that differ by a rotation, a factor and a shift; 0 for unrelated ones. The paper's own estimate
    (``unbiased=False``) tends to 1 whatever the features are when d and e exceed n. The unbiased one replaces each
    HSIC by the U-statistic HSIC_1 of Song et al. (2012), as Nguyen et al. (2021) do; it may fall a little below 0.
    They average over minibatches because the kernels [n, n] of all images do not fit; with linear kernels the sums
    over pairs come from products [d, e], so here all n images are one batch. Computed in float64.

    Nan if one of the two is constant; ValueError for fewer than 4 images or unpaired rows.
    """
    if len(x) != len(y) or len(x) < MIN_IMAGES:
        raise ValueError(f"CKA needs the same {MIN_IMAGES} or more images twice, found {len(x)} and {len(y)}")
    x, y = (z.double() - z.double().mean(0) for z in (x, y))
    hsic = _unbiased_hsic if unbiased else _hsic
    return (hsic(x, y) / (hsic(x, x) * hsic(y, y)).sqrt()).item()


def _hsic(x: Tensor, y: Tensor) -> Tensor:
    """|Y'X|^2 of centred features: HSIC with linear kernels times (n - 1)^2."""
    return (y.T @ x).square().sum()


def _unbiased_hsic(x: Tensor, y: Tensor) -> Tensor:
    """HSIC_1 times n(n - 3), for kernels K = XX' and L = YY' without their diagonals.

    The rows are centred, so those of K with its diagonal sum to 0 and without it to -|x_i|^2.
    """
    n = len(x)
    k, l = x.square().sum(1), y.square().sum(1)  # noqa: E741 (the kernels' names in the paper)
    pairs = _hsic(x, y) - k @ l
    return pairs + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ l)
