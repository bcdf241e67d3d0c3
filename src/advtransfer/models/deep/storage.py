"""Weights of a network on disk: parameters and buffers, so that the file holds the whole function."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from advtransfer.models.storage import load_parameters, save_parameters


def save_weights(path: Path, model: nn.Module) -> None:
    """Writes the model's state dict; equal weights give equal bytes on every device and in every memory format."""
    save_parameters(path, model.state_dict())


def load_weights(path: Path, model: nn.Module) -> None:
    """Reads ``save_weights`` into ``model``, on whatever device it lies.

    ValueError if the file holds another set of names or shapes than the model.
    """
    try:
        model.load_state_dict(load_parameters(path, torch.device("cpu")))
    except RuntimeError as error:
        raise ValueError(f"{path} does not hold the weights of this model: {error}") from error


def head_size(path: Path) -> int:
    """The number of classes of the head in a file of ``save_weights``."""
    with safe_open(path, framework="pt") as file:
        return int(file.get_slice("head.weight").get_shape()[0])
