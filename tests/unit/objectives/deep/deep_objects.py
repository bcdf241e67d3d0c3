"""Small networks and batches on which the deep objectives are checked."""

import torch
from torch import nn

from advtransfer.models.deep.build import build
from advtransfer.objectives.deep.batch import Batch
from advtransfer.seeding import Streams, stream


class Linear(nn.Module):
    """Two classes, scores (0, <w, x> + b): every loss and attack has a closed form."""

    def __init__(self, shape=(1, 4, 4), seed=0):
        super().__init__()
        rng = stream(seed, "linear")
        self.w = nn.Parameter(torch.from_numpy(rng.standard_normal(shape)).float())
        self.b = nn.Parameter(torch.tensor(0.3))

    def margin(self, x):
        return (x * self.w).sum((1, 2, 3)) + self.b

    def forward(self, x):
        margin = self.margin(x)
        return torch.stack([torch.zeros_like(margin), margin], 1)


def streams(seed=0):
    return Streams.of(seed, [0], "perturbation")


def batch(count=12, shape=(3, 16, 16), classes=5, seed=0, low=0.0, high=1.0, **changes):
    """Random images in [low, high] with random labels."""
    rng = stream(seed, "batch")
    x = torch.from_numpy(rng.uniform(low, high, (count, *shape))).float()
    y = torch.from_numpy(rng.integers(0, classes, count))
    return Batch(**({"x": x, "y": y, "streams": streams(seed)} | changes))


def soft_labels(count=12, classes=5, seed=1):
    return torch.from_numpy(stream(seed, "soft").dirichlet([0.5] * classes, count)).float()


def network(norm="batch", classes=5, seed=0):
    return build("small_cnn", classes, image_size=16, rng=stream(seed, "init"), norm=norm)


def gradients(model, loss):
    """Gradient of every parameter, by name."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))
