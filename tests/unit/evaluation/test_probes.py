"""A probe of each stage: what it sees, and that it finds what a stage keeps and misses what it destroys."""

import pytest
import torch
from torch import nn

from advtransfer.evaluation.representation.probes import Split, pooled_activations, probe_stages


class Staged(nn.Module):
    """``colour`` keeps the class (which channel is bright), ``grey`` throws it away, ``tokens`` reshapes."""

    def __init__(self):
        super().__init__()
        self.colour = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        nn.init.dirac_(self.colour[0].weight)
        self.grey = nn.Conv2d(4, 6, 1)
        nn.init.constant_(self.grey.weight, 0.1)
        self.tokens = nn.Flatten(2)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.tokens(self.grey(self.colour(x))).mean(2))


def stages(model):
    return [(name, getattr(model, name)) for name in ("colour", "grey")]


def split(count, seed):
    """Noise whose mean over all channels says nothing, with one channel a little brighter and the others darker."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (count,), generator=generator)
    images = torch.randint(60, 160, (count, 4, 5, 5), generator=generator)
    images[torch.arange(count), labels] += 30
    images -= 10
    return Split(images.to(torch.uint8), labels)


@pytest.fixture(scope="module")
def probes():
    splits = {"train": split(400, 0), "validation": split(200, 1), "test": split(400, 2)}
    model = Staged()
    return list(
        probe_stages(model, stages(model), **splits, classes=4, strengths=[0.01, 1.0, 1e5], batch_size=64)
    )


def test_a_stage_that_keeps_the_class_is_told_from_one_that_loses_it(probes):
    colour, grey = probes
    assert (colour.stage, colour.width, grey.stage, grey.width) == ("colour", 4, "grey", 6)
    assert colour.accuracy > 0.9
    assert grey.accuracy < 0.4


def test_the_strength_is_one_of_those_offered(probes):
    assert all(probe.strength in (0.01, 1.0, 1e5) for probe in probes)
    assert probes[0].strength < 1e5


def test_activations_are_means_over_positions_in_eval_mode():
    model, images = Staged().train(), split(30, 3).images
    found = pooled_activations(model, [*stages(model), ("tokens", model.tokens)], images, batch_size=7)
    model.eval()
    with torch.no_grad():
        colour = model.colour(images.float() / 255)
        grey = model.grey(colour)
    torch.testing.assert_close(found["colour"], colour.mean((2, 3)))
    torch.testing.assert_close(found["grey"], grey.mean((2, 3)))
    assert found["tokens"].shape == (30, 25)  # [B, 6, 25]: tokens are the second axis, features the last
    torch.testing.assert_close(found["tokens"], grey.flatten(2).mean(1))


def test_the_hooks_are_gone_afterwards_also_after_an_error():
    model, images = Staged(), split(10, 3).images
    pooled_activations(model, stages(model), images, batch_size=4)
    with pytest.raises(RuntimeError, match="not run exactly once in a forward pass: unused"):
        pooled_activations(model, [*stages(model), ("unused", nn.Linear(1, 1))], images, batch_size=4)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_stage_that_runs_twice_is_refused():
    class Twice(Staged):
        def forward(self, x):
            return super().forward(self.colour(x))

    model = Twice()
    with pytest.raises(RuntimeError, match="not run exactly once in a forward pass: colour"):
        pooled_activations(model, stages(model), split(10, 3).images, batch_size=4)
