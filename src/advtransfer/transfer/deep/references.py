"""Heads that need no optimisation: what logistic regression must beat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from advtransfer.transfer.heads import Heads


def nearest_centroid(x: Tensor, y: Tensor, *, classes: int) -> Heads:
    """The class whose mean is nearest, as linear heads (|x - m|^2 = |x|^2 - (2 m x - m^2), Snell et al. 2017).

    Args:
        x, y: features [P, n, d] and labels [P, n] (int64); ValueError if a class has no example.
    """
    means = _moments(x, y, classes)[0]
    return Heads(weight=2 * means.mT, bias=-means.square().sum(2)[:, None])


@dataclass(frozen=True)
class NaiveBayes:
    """Independent normal features in each class: ``mean``, ``variance`` [P, C, d], ``prior`` [P, C] (logarithms)."""

    mean: Tensor
    variance: Tensor
    prior: Tensor

    @classmethod
    def fit(cls, x: Tensor, y: Tensor, *, classes: int, smoothing: float) -> NaiveBayes:
        """From features x [P, n, d] and labels y [P, n] (int64), as scikit-learn's GaussianNB.

        ``smoothing`` is added to every variance, as a share of the largest variance of a feature: with one example
        a class all variances are 0 without it. ValueError if a class has no example.
        """
        mean, variance, counts = _moments(x, y, classes)
        largest = x.var(1, correction=0).amax(1)
        prior = (counts / counts.sum(1, keepdim=True)).log()
        return cls(mean=mean, variance=variance + smoothing * largest[:, None, None], prior=prior)

    def logits(self, x: Tensor) -> Tensor:
        """log p(x, class) up to a constant: x [P, N, d] -> [P, N, C] float64."""
        # in float64: with small variances the terms are huge and nearly cancel
        x, mean, precision = x.double(), self.mean.double(), 1 / self.variance.double()
        square = x.square() @ precision.mT - 2 * x @ (mean * precision).mT
        constant = (mean.square() * precision - precision.log()).sum(2) - 2 * self.prior
        return -0.5 * (square + constant[:, None])


def _moments(x: Tensor, y: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance [P, C, d] and number of examples [P, C] of each class."""
    member = one_hot(y, classes).to(x)
    counts = member.sum(1)
    if (counts == 0).any():
        raise ValueError(f"class {int((counts == 0).any(0).nonzero()[0])} has no example")
    share = (member / counts[:, None]).mT
    mean = share @ x
    deviation = x - torch.gather(mean, 1, y[..., None].expand(-1, -1, x.shape[2]))
    return mean, share @ deviation.square(), counts
