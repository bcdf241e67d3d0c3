"""Weights on disk: safetensors, because a pickle can run code when it is read."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from advtransfer.models.mlp import Parameters


def save_parameters(path: Path, parameters: Parameters) -> None:
    """Writes name -> tensor; equal tensors give equal bytes."""
    save_file({name: p.detach().cpu().contiguous() for name, p in sorted(parameters.items())}, path)


def load_parameters(path: Path, device: torch.device) -> Parameters:
    """The tensors of ``save_parameters`` on ``device``."""
    return load_file(path, device=str(device))
