"""TMI (Xu and Kang, ICCV 2023): the entropy of features within a class, said to rank models by how they transfer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from advtransfer.evaluation.representation.measures import Undefined

LEAST = 4  # images of a class
NEIGHBOURS = LEAST - 1  # of the distance that the estimate rests on
_PAIRS = 2**24  # distances held at once


def measure(x: Tensor, y: Tensor, *, neighbours: int = NEIGHBOURS, least: float = 1e-12) -> float:
    """TMI, the transferability measure H(features | class) of Xu and Kang (ICCV 2023), in nats; higher is better.

    Args:
        x, y: features [n, d] and labels [n] (int64); every class needs more than ``neighbours`` images.
        neighbours: k of the estimate of Kozachenko and Leonenko from the distances e_i (largest coordinate) to the
            k-th neighbour within the class: psi(n_c) - psi(k) + d mean log(2 e_i).
        least: floor of the distances, in units of the features. The authors' program (snudatalab/TMI) has 1.

    Their program also divides the sum over the classes, n_c / n H_c, by the number of classes, which changes no
    order of models; here it is the sum. Features scaled by a add d log a: compare at one scale. In hundreds of
    dimensions the estimate is far from the entropy itself and serves to rank models of one width. Float64. Undefined
    for a class with too few images.
    """
    total = 0.0
    for label in y.unique():
        members = x[y == label].double()
        if len(members) <= neighbours:
            raise Undefined(
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
