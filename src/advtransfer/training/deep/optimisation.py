"""SGD and AdamW for any model: which parameters decay, how large a step is, what a checkpoint holds of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from advtransfer.training.deep.schedule import DECAYS, factor

NAMES = ("sgd", "adamw")
Layout = tuple[list[int], torch.dtype]  # shape and dtype of a tensor


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How parameters follow their gradients.

    name: sgd (Nesterov where there is momentum; decay added to the gradient) or adamw (decoupled decay). decay,
    warmup: of the learning rate, see ``schedule.factor``. clip: largest Euclidean norm of the whole gradient.
    """

    name: str
    learning_rate: float
    weight_decay: float
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    decay: str = "cosine"
    warmup: float = 0.0
    clip: float | None = None

    def __post_init__(self) -> None:
        for value, known in ((self.name, NAMES), (self.decay, tuple(DECAYS))):
            if value not in known:
                raise ValueError(f"optimisation has {value!r}; expected one of {', '.join(known)}")
        if not 0 <= self.warmup < 1:
            raise ValueError(
                f"warmup is {self.warmup}; expected a part of the training, at least 0 and below 1"
            )

    def rate(self, update: int, updates: int) -> float:
        """Learning rate at ``update`` of ``updates``."""
        return self.learning_rate * factor(update, updates, decay=self.decay, warmup=self.warmup)


class Optimiser:
    """torch's optimiser over the parameters that learn, with its tensors by name."""

    def __init__(self, model: nn.Module, settings: Optimisation) -> None:
        self.settings = settings
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if not self.parameters:
            raise ValueError("no parameter of the model learns: all are frozen")
        exempt = _exempt(model)
        decays = {True: settings.weight_decay, False: 0.0}
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, parameter in self.parameters.items():
            groups[parameter.dim() > 1 and name not in exempt].append(parameter)
        self._torch = _make(
            [{"params": group, "weight_decay": decays[key]} for key, group in groups.items() if group],
            settings,
        )

    def step(self, update: int, updates: int) -> None:
        """Follows the gradients of the parameters, and forgets them."""
        if self.settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.clip)
        for group in self._torch.param_groups:
            group["lr"] = self.settings.rate(update, updates)
        self._torch.step()
        self._torch.zero_grad()

    def tensors(self) -> dict[str, Tensor]:
        """Momenta and counts: "key.parameter" -> tensor."""
        return {
            f"{key}.{name}": value
            for name, parameter in self.parameters.items()
            for key, value in self._torch.state[parameter].items()
            if isinstance(value, Tensor)
        }

    def layout(self, tensors: Mapping[str, Tensor]) -> dict[str, Layout]:
        """The shape and dtype that each of ``tensors``, and what belongs beside it, must have for ``load``.

        A parameter that has had no gradient has no state, so those of which ``tensors`` hold nothing are left out.
        """
        begun = {full_name.partition(".")[2] for full_name in tensors}
        return {
            f"{key}.{name}": ([], torch.float32)
            if key == "step"
            else (list(parameter.shape), parameter.dtype)
            for name, parameter in self.parameters.items()
            for key in (self._keys() if name in begun else ())
        }

    def _keys(self) -> tuple[str, ...]:
        """What torch's optimiser keeps of a parameter."""
        if self.settings.name == "adamw":
            return ("exp_avg", "exp_avg_sq", "step")
        return ("momentum_buffer",) if self.settings.momentum else ()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes back what ``tensors`` gave, onto the devices and into the memory formats of the parameters."""
        for full_name, tensor in tensors.items():
            key, _, name = full_name.partition(".")
            parameter = self.parameters[name]
            same = tensor.shape == parameter.shape
            value = torch.empty_like(parameter).copy_(tensor) if same else tensor.to(parameter.device)
            self._torch.state[parameter][key] = value


def _make(groups: list[dict[str, Any]], settings: Optimisation) -> torch.optim.Optimizer:
    # fused: one pass over the memory instead of five
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)
    momentum = settings.momentum
    return torch.optim.SGD(
        groups, lr=settings.learning_rate, momentum=momentum, nesterov=momentum > 0, fused=True
    )


def _exempt(model: nn.Module) -> set[str]:
    """Parameters that a network itself exempts from decay, as timm's do with their position embeddings.

    (Biases and the scales of normalisation layers are exempt because they have one dimension.)
    """
    return {
        f"{prefix}.{name}".lstrip(".") for prefix, module in model.named_modules() for name in _own(module)
    }


def _own(module: nn.Module) -> Iterator[str]:
    listed = getattr(module, "no_weight_decay", None)
    return iter(listed() if callable(listed) else ())
