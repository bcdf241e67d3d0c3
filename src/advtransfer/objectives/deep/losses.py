"""Losses of each example, for hard and soft labels."""

from __future__ import annotations

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, y: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each example, float32 [B], of scores [B, K] and labels (int64 [B] or probabilities [B, K]).

    ``smoothing`` a mixes the labels with the uniform distribution, (1 - a) y + a/K (Szegedy et al. 2016, section 7).
    """
    return torch.nn.functional.cross_entropy(logits.float(), y, reduction="none", label_smoothing=smoothing)


def kl_divergence(reference: Tensor, logits: Tensor) -> Tensor:
    """KL(softmax(reference) || softmax(logits)) of each example, float32 [B]; differentiable in both [B, K]."""
    p, q = reference.float().log_softmax(1), logits.float().log_softmax(1)
    return torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(1)


def correct(logits: Tensor, y: Tensor) -> Tensor:
    """Whether the highest score is the (most probable) label, float32 [B]."""
    labels = y if y.dim() == 1 else y.argmax(1)
    return (logits.detach().argmax(1) == labels).float()
