"""How widely a representation spreads: over its dimensions, and within the classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NEIGHBOURS = 3  # TMI looks at so many; every class needs more images
_PAIRS = 2**24  # distances held at once


def effective_rank(x: Tensor) -> float:
    """exp of the entropy of the singular values of centred features x [n, d], taken as shares of their sum.

    From 1 (all images on a line) to min(n - 1, d) (Roy and Vetterli 2007). ValueError for constant features.
    """
    values = torch.linalg.svdvals(x.double() - x.double().mean(0))
    if values.sum() == 0:
        raise ValueError("the effective rank of constant features is not defined")
    shares = values / values.sum()
    return torch.special.entr(shares).sum().exp().item()


def intra_class_variance(x: Tensor, y: Tensor) -> float:
    """The share of the variance of features x [n, d] that lies within the classes y [n]: from 0 to 1.

    The sum over features of the variance within each class, averaged over images, by that of all images; 1 minus it
    is the share that the class means explain. It has no unit, so variants whose features differ in size compare.
    """
    x = x.double()
    members = [x[y == label] for label in y.unique()]
    within = sum((m - m.mean(0)).square().sum() for m in members)
    return float(within / (x - x.mean(0)).square().sum())


def conditional_entropy(x: Tensor, y: Tensor, *, neighbours: int = NEIGHBOURS, least: float = 1e-12) -> float:
    """TMI, the transferability measure H(features | class) of Xu and Kang (ICCV 2023), in nats; higher is better.

    Args:
        x, y: features [n, d] and labels [n] (int64); every class needs more than ``neighbours`` images.
        neighbours: k of the estimate of Kozachenko and Leonenko from the distances e_i (largest coordinate) to the
            k-th neighbour within the class: psi(n_c) - psi(k) + d mean log(2 e_i).
        least: floor of the distances, in units of the features. The authors' program (snudatalab/TMI) has 1.

    Their program also divides the sum over the classes, n_c / n H_c, by the number of classes, which changes no
    order of models; here it is the sum. Features scaled by a add d log a: compare at one scale. In hundreds of
    dimensions the estimate is far from the entropy itself and serves to rank models of one width. Float64.
    """
    total = 0.0
    for label in y.unique():
        members = x[y == label].double()
        if len(members) <= neighbours:
            raise ValueError(
                f"class {int(label)} has {len(members)} images, more than {neighbours} are needed"
            )
        count, width = members.shape
        distances = _neighbour_distances(members, neighbours).clamp_min(least)
        scale = math.log(2) + distances.log().mean().item()
        total += count / len(x) * (_digamma(count) - _digamma(neighbours) + width * scale)
    return total


def _neighbour_distances(x: Tensor, neighbours: int) -> Tensor:
    """Largest coordinate of the difference to the k-th nearest other row: [n]."""
    rows = max(1, _PAIRS // (len(x) * x.shape[1]))
    # the row itself is the nearest, at distance 0
    nearest = [
        torch.cdist(part, x, p=torch.inf).kthvalue(neighbours + 1, dim=1).values for part in x.split(rows)
    ]
    return torch.cat(nearest)


def _digamma(count: int) -> float:
    return torch.special.digamma(torch.tensor(float(count), dtype=torch.float64)).item()
