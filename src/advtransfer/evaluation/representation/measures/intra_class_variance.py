"""The variance within the classes, as a share of all variance: how tight a representation holds its classes."""

from __future__ import annotations

from torch import Tensor

from advtransfer.evaluation.representation.measures import Undefined


def measure(x: Tensor, y: Tensor) -> float:
    """The share of the variance of features x [n, d] that lies within the classes y [n]: from 0 to 1.

    The sum over features of the variance within each class, averaged over images, by that of all images; 1 minus it
    is the share that the class means explain. It has no unit, so variants whose features differ in size compare.
    Undefined for constant features.
    """
    x = x.double()
    overall = (x - x.mean(0)).square().sum()
    if overall == 0:
        raise Undefined("constant features have no variance to share out")
    members = [x[y == label] for label in y.unique()]
    within = sum((m - m.mean(0)).square().sum() for m in members)
    return float(within / overall)
