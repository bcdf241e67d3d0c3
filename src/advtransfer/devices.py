"""The device a stage computes on: the GPU its rule asked for, else the CPU."""

from __future__ import annotations

import torch

from advtransfer.arithmetic import hold_products


def pick_device() -> torch.device:
    """The job runner hides the GPUs from a job that asked for none. What a CPU computes is portable from now on."""
    hold_products()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
