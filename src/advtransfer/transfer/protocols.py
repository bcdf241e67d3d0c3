"""How a representation is judged on the target: linear heads, full fine-tuning, heads under attack.

Each protocol yields measurements (protocol, metric, shots, values [R, draws]).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advtransfer.attacks.pgd import PGD
from advtransfer.data.domains import Domain
from advtransfer.data.splits import TEST
from advtransfer.evaluation.robustness import robust_correct
from advtransfer.models import mlp
from advtransfer.seeding import Streams
from advtransfer.training.batches import take
from advtransfer.transfer.finetune import finetune
from advtransfer.transfer.heads import Heads, fit_heads
from advtransfer.transfer.shots import training_set

Features = Callable[[Tensor], Tensor]


class Measurement(NamedTuple):
    """``values`` [R, draws] of one metric at one number of shots."""

    protocol: str
    metric: str
    shots: int
    values: Tensor


def _per_draw(x: Tensor, draws: int) -> Tensor:
    """[R, ...] -> [R * draws, ...], replica by replica."""
    return x.repeat_interleave(draws, dim=0)


def fitted_heads(features: Features, target: Domain, shots: Tensor, count: int, strength: float) -> Heads:
    """One head per (replica, draw) on ``count`` shots a class; the test images are not looked at."""
    x, y = training_set(features(target.x), target.y, shots, count)
    return fit_heads(x, y, classes=target.classes, strength=strength)


def linear(
    features: Features, target: Domain, shots: Tensor, params: dict[str, Any]
) -> Iterator[Measurement]:
    """Accuracy of logistic heads on frozen features, for every number of shots."""
    draws, test = shots.shape[1], target.indices(TEST).to(target.x.device)
    x, y = _per_draw(features(take(target.x, test)), draws), _per_draw(take(target.y, test), draws)
    for count in params["shots"]:
        heads = fitted_heads(features, target, shots, count, params["l2_strength"])
        right = (heads.logits(x).argmax(2) == y).float().mean(1)
        yield Measurement("linear", "accuracy", count, right.view(-1, draws))


def robust(
    features: Features, target: Domain, shots: Tensor, params: dict[str, Any], streams: Streams
) -> Iterator[Measurement]:
    """Accuracy of the first draw's heads when the attack sees head and representation as one model."""
    test = target.indices(TEST).to(target.x.device)
    heads = fitted_heads(features, target, shots[:, :1], params["shots"], params["l2_strength"])
    right = robust_correct(
        lambda x: heads.logits(features(x)),
        take(target.x, test),
        take(target.y, test),
        PGD(**params["attack"]),
        streams,
    )
    yield Measurement("linear", "robust_accuracy", params["shots"], right.float().mean(1)[:, None])


def full(
    parameters: mlp.Parameters, target: Domain, shots: Tensor, params: dict[str, Any]
) -> Iterator[Measurement]:
    """Accuracy after fine-tuning every weight, for every number of shots."""
    draws, test = shots.shape[1], target.indices(TEST).to(target.x.device)
    x, y = _per_draw(take(target.x, test), draws), _per_draw(take(target.y, test), draws)
    start = {name: _per_draw(p, draws) for name, p in parameters.items()}
    optimiser = {key: params[key] for key in ("steps", "learning_rate", "weight_decay")}
    for count in params["shots"]:
        examples = training_set(target.x, target.y, shots, count)
        tuned = finetune(start, *examples, classes=target.classes, **optimiser)
        with torch.no_grad():
            right = (mlp.logits(tuned, x).argmax(2) == y).float().mean(1)
        yield Measurement("finetune", "accuracy", count, right.view(-1, draws))
