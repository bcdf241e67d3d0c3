"""A stage takes the GPU that it can see, and the processor where the job runner hides them all."""

import pytest
import torch

from advtransfer.devices import pick_device


@pytest.mark.parametrize(("visible", "expected"), [(True, "cuda"), (False, "cpu")])
def test_the_visible_gpu_else_the_processor(monkeypatch, visible, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: visible)
    assert pick_device() == torch.device(expected)
