"""The representation of images by a network that stays exactly as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from advtransfer.data.natural.augment import to_unit

_CLOSE = 1e-3  # relative: kernels chosen for another batch size round differently


class Network(Protocol):
    """An image network as ``advtransfer.models.deep`` builds them: scores are ``head(features(x))``."""

    head: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] in [0, 1] -> [B, d]."""


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients for the parameters; both as before on leaving.

    RuntimeError on leaving if a buffer changed, as a BatchNorm in train mode would change its running statistics:
    then what was measured inside are not the features of one fixed network.
    """
    modes = {module: module.training for module in model.modules()}
    wanted = {parameter: parameter.requires_grad for parameter in model.parameters()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, mode in wanted.items():
            parameter.requires_grad_(mode)
    changed = [name for name, buffer in model.named_buffers() if not torch.equal(buffer, buffers[name])]
    if changed:
        raise RuntimeError(f"the network changed while it should stay fixed: buffers {', '.join(changed)}")


def extract(model: nn.Module, images: Tensor, *, batch_size: int) -> Tensor:
    """Features [N, d] (float32, on the model's device) of uint8 images [N, C, H, W], which may lie elsewhere.

    RuntimeError if the network does not stay fixed, or if the features of an image depend on the other images of
    its batch (a BatchNorm without running statistics).
    """
    return evaluate(model, model.features, images, batch_size=batch_size)  # type: ignore[arg-type]


def evaluate(
    model: nn.Module, function: Callable[[Tensor], Tensor], images: Tensor, *, batch_size: int
) -> Tensor:
    """``function`` of images in [0, 1], batch by batch, while ``model`` is frozen: [N, ...] float32."""
    device = next(model.parameters()).device
    with frozen(model), torch.inference_mode():
        rows = [function(to_unit(batch.to(device))).float() for batch in images.split(batch_size)]
        _check_independent(function, to_unit(images[:1].to(device)), rows[0][:1])
    # joined outside of inference mode: autograd refuses the tensors made inside
    return torch.cat(rows)


def _check_independent(function: Callable[[Tensor], Tensor], image: Tensor, in_company: Tensor) -> None:
    alone = function(image).float()
    if not torch.allclose(alone, in_company, rtol=_CLOSE, atol=_CLOSE * float(in_company.abs().max())):
        raise RuntimeError("the features of an image depend on the other images of its batch")
