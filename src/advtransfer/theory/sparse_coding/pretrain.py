"""Pre-training of the networks, clean or perturbed, all replicas at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from advtransfer.attacks.pgd import PGD
from advtransfer.seeding import Streams
from advtransfer.theory.sparse_coding.config import Scenario
from advtransfer.theory.sparse_coding.data import Problem, sample
from advtransfer.theory.sparse_coding.net import Net, make_net
from advtransfer.training.adamw import AdamW

BLOCK = 20  # steps whose data are drawn together: bounds memory
Perturb = Callable[[Net, Tensor, Tensor], Tensor]


def logistic(scores: Tensor, y: Tensor) -> Tensor:
    """Logistic loss summed over the labels: [R, N] from scores and labels y in {-1, 1}, both [R, N, K]."""
    return torch.nn.functional.softplus(-y * scores).sum(dim=2)


def pretrain(s: Scenario, problem: Problem, replicas: Sequence[int], seed: int) -> dict[str, Net]:
    """Networks of every variant, trained on the source labels with the variant's perturbation.

    All variants start from the same weights and see the same points, drawn once. Adam without weight decay.
    """
    nets = {variant: make_net(s, replicas, seed) for variant in s.variants}
    trainers = [
        _trainer(s, nets[variant], kind, Streams.of(seed, replicas, "sparse_coding", "perturbation"))
        for variant, kind in s.variants.items()
        if kind != "untrained"
    ]
    for x, y in _batches(s, problem, replicas, seed) if trainers else ():
        for step in trainers:
            step(x, y)
    return nets


def _trainer(s: Scenario, net: Net, kind: str, streams: Streams) -> Callable[[Tensor, Tensor], None]:
    """A function that takes one training step on a batch."""
    parameters = net.trainable()
    adam = AdamW(parameters, weight_decay=0.0)
    perturb = _perturbation(s, kind, streams)

    def step(x: Tensor, y: Tensor) -> None:
        adam.step(_gradients(net, parameters, perturb(net, x, y), y), s.learning_rate)

    return step


def _gradients(net: Net, parameters: Mapping[str, Tensor], x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Gradients of each replica's mean loss; in between, the parameters stay plain tensors for the attack."""
    for tensor in parameters.values():
        tensor.requires_grad_(True)
    loss = logistic(net.outputs(x), y).mean(dim=1).sum()
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    for tensor in parameters.values():
        tensor.requires_grad_(False)
    return dict(zip(parameters, gradients, strict=True))


def _perturbation(s: Scenario, kind: str, streams: Streams) -> Perturb:
    """The map (net, x, y) -> perturbed x of one kind; `gaussian` noise is as long as the l2 radius."""
    if kind == "l2":
        attack = PGD(norm="l2", eps=s.eps, steps=s.pgd_steps, random_start=False)
        return lambda net, x, y: attack(lambda q: logistic(net.outputs(q), y), x, streams).detach()
    if kind == "gaussian":
        return lambda net, x, y: x + streams.normal(*x.shape[1:]) * (s.eps / s.d**0.5)
    return lambda net, x, y: x


def _batches(
    s: Scenario, problem: Problem, replicas: Sequence[int], seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Fresh points and source labels for each step."""
    for start in range(0, s.steps, BLOCK):
        steps = min(BLOCK, s.steps - start)
        streams = Streams.of(seed, replicas, "sparse_coding", "train", start)
        x, y = sample(s, problem, problem.source, steps * s.batch, streams)
        yield from zip(x.split(s.batch, dim=1), y.split(s.batch, dim=1), strict=True)
