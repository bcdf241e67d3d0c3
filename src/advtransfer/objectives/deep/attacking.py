"""Attacks on the model that is being trained, with the attacks that the whole project shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from advtransfer.objectives.classification import Perturbation
from advtransfer.objectives.deep.batch import Batch


def perturb(
    model: nn.Module,
    perturbation: Perturbation,
    batch: Batch,
    loss: Callable[[Tensor], Tensor],
) -> Tensor:
    """The batch's images after ``perturbation``, in [0, 1], detached: [B, C, H, W].

    ``loss`` maps the model's scores [B, K] to one loss an example, [B]. The model is attacked as it will be used:
    in eval mode, so BatchNorm applies its running statistics, no statistic is updated, nothing is dropped, and
    examples do not influence each other. This is the mode of TRADES' code and of the robustness library; Pang et
    al. 2021 (Bag of tricks for adversarial training) find it at least as good as train mode.
    """
    with under_attack(model):
        # the attacks know a leading axis of replicas: here of length 1, and squeezed because that copies nothing
        moved = perturbation(lambda z: loss(model(z.squeeze(0)))[None], batch.x[None], batch.streams)
    return moved.squeeze(0).detach().clamp(0.0, 1.0)


@contextmanager
def under_attack(model: nn.Module) -> Iterator[None]:
    """Eval mode without gradients of parameters inside; every module and parameter as it was afterwards.

    Frozen parameters spare their gradients where the backward pass is compiled as a whole.
    """
    training = [module for module in model.modules() if module.training]
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        model.eval()
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in learning:
            parameter.requires_grad_(True)
