"""Effective rank (Roy and Vetterli 2007): over how many directions a representation spreads."""

from __future__ import annotations

import torch
from torch import Tensor

from advtransfer.evaluation.representation.measures import Undefined


def measure(x: Tensor, y: Tensor) -> float:
    """exp of the entropy of the singular values of centred features x [n, d], taken as shares of their sum.

    From 1 (all images on a line) to min(n - 1, d). The labels y play no part. Undefined for constant features.
    """
    values = torch.linalg.svdvals(x.double() - x.double().mean(0))
    if values.sum() == 0:
        raise Undefined("the effective rank of constant features is not defined")
    shares = values / values.sum()
    return torch.special.entr(shares).sum().exp().item()
