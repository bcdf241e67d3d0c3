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


def linear(
    features: Features, target: Domain, shots: Tensor, params: dict[str, Any]
) -> Iterator[Measurement]:
    """Accuracy of logistic heads on frozen features, for every number of shots."""
    x, y = _test_set(target)
    represented = features(x)
    for count in params["shots"]:
        heads = _fitted_heads(features, target, shots, count, params["l2_strength"])
        values = [_accuracy(heads_of(represented), y) for heads_of in heads]
        yield Measurement("linear", "accuracy", count, torch.stack(values, dim=1))


def robust(
    features: Features, target: Domain, shots: Tensor, params: dict[str, Any], streams: Streams
) -> Iterator[Measurement]:
    """Accuracy of the first draw's heads when the attack sees head and representation as one model."""
    heads, *_ = _fitted_heads(features, target, shots[:, :1], params["shots"], params["l2_strength"])
    right = robust_correct(lambda x: heads(features(x)), *_test_set(target), PGD(**params["attack"]), streams)
    yield Measurement("linear", "robust_accuracy", params["shots"], right.float().mean(1)[:, None])


def full(
    parameters: mlp.Parameters, target: Domain, shots: Tensor, params: dict[str, Any]
) -> Iterator[Measurement]:
    """Accuracy after fine-tuning every weight, for every number of shots."""
    x, y = _test_set(target)
    optimiser = {key: params[key] for key in ("steps", "learning_rate", "weight_decay")}
    for count in params["shots"]:
        images, labels = training_set(target, shots, count)
        values = []
        for draw in range(shots.shape[1]):
            tuned = finetune(
                parameters, images[:, draw], labels[:, draw], classes=target.classes, **optimiser
            )
            values.append(_accuracy(mlp.logits(tuned, x), y))
        yield Measurement("finetune", "accuracy", count, torch.stack(values, dim=1))


def _test_set(target: Domain) -> tuple[Tensor, Tensor]:
    indices = target.indices(TEST).to(target.x.device)
    return take(target.x, indices), take(target.y, indices)


def _fitted_heads(
    features: Features, target: Domain, shots: Tensor, count: int, strength: float
) -> list[Callable[[Tensor], Tensor]]:
    """Per draw the scores of the R heads fitted on ``count`` shots a class; no test image is looked at."""
    images, labels = training_set(target, shots, count)
    replicas, draws, size = labels.shape
    represented = features(images.flatten(1, 2)).view(replicas * draws, size, -1)
    heads = fit_heads(represented, labels.flatten(0, 1), classes=target.classes, strength=strength)
    return [Heads(heads.weight[d::draws], heads.bias[d::draws]).logits for d in range(draws)]


def _accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    return (scores.argmax(2) == labels).float().mean(1)
