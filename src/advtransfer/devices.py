"""The device a stage computes on: the GPU its rule asked for, else the CPU."""

from __future__ import annotations

import torch


def pick_device() -> torch.device:
    """The job runner hides the GPUs from a job that asked for none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
