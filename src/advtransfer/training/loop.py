"""The training loop: a stack of models, an objective, an optimiser; it knows nothing of what the objective does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from advtransfer.models.mlp import Parameters
from advtransfer.training.adamw import AdamW, cosine
from advtransfer.training.batches import take

Objective = Callable[[Parameters, Tensor, Tensor], dict[str, Tensor]]


def fit(
    parameters: Parameters,
    objective: Objective,
    x: Tensor,
    y: Tensor,
    batches: Tensor,
    *,
    learning_rate: float,
    weight_decay: float,
) -> tuple[Parameters, dict[str, Tensor]]:
    """Trains R models side by side with AdamW and a cosine schedule.

    Args:
        parameters: name -> [R, ...]; not modified.
        objective: (parameters, x, y) of one batch -> per-replica tensors [R], ``loss`` among them.
        x, y: all examples [R, N, ...] and labels [R, N].
        batches: positions [steps, R, B] into them; their number is the number of steps.

    Returns:
        the trained parameters and the curves, name -> [steps, R].
    """
    parameters = {name: p.detach().clone() for name, p in parameters.items()}
    optimiser = AdamW(parameters, weight_decay=weight_decay)
    steps, curves = len(batches), []
    for step, indices in enumerate(batches):
        leaves = {name: p.detach().requires_grad_(True) for name, p in parameters.items()}
        outputs = objective(leaves, take(x, indices), take(y, indices))
        # the replicas do not share parameters, so the gradient of the sum is each replica's own gradient
        gradients = torch.autograd.grad(outputs["loss"].sum(), list(leaves.values()))
        optimiser.step(dict(zip(leaves, gradients, strict=True)), learning_rate * cosine(step, steps))
        curves.append({name: value.detach() for name, value in outputs.items()})
    return parameters, {name: torch.stack([c[name] for c in curves]) for name in curves[0]}
