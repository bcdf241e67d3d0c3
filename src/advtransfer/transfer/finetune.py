"""Full fine-tuning: every weight moves, from a pre-trained representation and a new zero head."""

from __future__ import annotations

import torch
from torch import Tensor

from advtransfer.models import mlp
from advtransfer.objectives.classification import Classification, Unperturbed
from advtransfer.seeding import Streams
from advtransfer.training.loop import fit


def finetune(
    parameters: mlp.Parameters,
    x: Tensor,
    y: Tensor,
    *,
    classes: int,
    steps: int,
    learning_rate: float,
    weight_decay: float,
) -> mlp.Parameters:
    """Fits P copies on their own few examples, full batch.

    Args:
        parameters: the pre-trained networks, name -> [P, ...].
        x, y: examples [P, n, pixels] and labels [P, n].
    """
    last = mlp.depth(parameters) - 1
    problems, width = parameters[f"weight_{last}"].shape[:2]
    start = parameters | {
        f"weight_{last}": x.new_zeros(problems, width, classes),
        f"bias_{last}": x.new_zeros(problems, 1, classes),
    }
    everything = torch.arange(x.shape[1], device=x.device).expand(steps, problems, -1)
    objective = Classification(Unperturbed(), Streams(()))
    tuned, _ = fit(start, objective, x, y, everything, learning_rate=learning_rate, weight_decay=weight_decay)
    return tuned
