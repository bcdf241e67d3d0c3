"""Fine-tuning of an image network on the target: all of it, or from one stage on, under a new head."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advtransfer.data.natural.augment import to_unit
from advtransfer.seeding import Streams
from advtransfer.training.adamw import cosine
from advtransfer.training.batches import batch_indices
from advtransfer.transfer.deep.features import evaluate

Stages = Callable[[Any], Sequence[tuple[str, nn.Module]]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """``optimiser``: adamw or sgd (Nesterov momentum .9); the learning rate falls to 0 along half a cosine.

    ``first`` is the number of the first stage that moves: 0 moves everything, the number of stages the head alone.
    """

    optimiser: str
    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    first: int = 0


def finetune(
    model: Any,
    images: Tensor,
    labels: Tensor,
    recipe: Recipe,
    *,
    classes: int,
    stages: Stages,
    rng: np.random.Generator,
) -> Any:
    """A copy of ``model``, in eval mode, that learned ``images`` uint8 [n, C, H, W] with ``labels`` [n] (int64).

    The head is new and 0. What comes before the first moving stage is frozen and in eval mode, BatchNorm and
    dropout included. Batches and dropout draw from ``rng`` alone.
    """
    tuned, device = copy.deepcopy(model), next(model.parameters()).device
    size = min(recipe.batch_size, len(images))
    batches = batch_indices([np.arange(len(images))], Streams((rng,)), steps=recipe.steps, size=size)[:, 0]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng.integers(2**63)))
        optimiser = _optimiser(_moving(tuned, classes, stages, recipe.first), recipe)
        for step, rows in enumerate(batches.to(images.device)):
            optimiser.param_groups[0]["lr"] = recipe.learning_rate * cosine(step, recipe.steps)
            loss = cross_entropy(tuned(to_unit(images[rows].to(device))), labels[rows].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return tuned.eval().requires_grad_(True)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 512) -> float:
    """Share of uint8 ``images`` [N, C, H, W] with ``labels`` [N] that the network gets right in eval mode."""
    scores = evaluate(model, model, images, batch_size=batch_size)
    return (scores.argmax(1) == labels.to(scores.device)).float().mean().item()


def _moving(model: Any, classes: int, stages: Stages, first: int) -> list[nn.Parameter]:
    """Gives a new head and freezes what comes before stage ``first``; what is in no stage freezes with the first."""
    found = stages(model)
    if not 0 <= first <= len(found):
        raise ValueError(f"first is stage {first} of {len(found)}: {', '.join(name for name, _ in found)}")
    model.head = nn.Linear(model.head.in_features, classes, device=model.head.weight.device)
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    moving = [model] if first == 0 else [model.head, *(module for _, module in found[first:])]
    model.eval().requires_grad_(False)
    return [p for module in moving for p in module.train().requires_grad_(True).parameters()]


def _optimiser(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9, nesterov=True)
    raise ValueError(f"optimiser is {recipe.optimiser!r}; expected adamw or sgd")
