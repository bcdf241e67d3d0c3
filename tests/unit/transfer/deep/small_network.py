"""A network of the face that the transfer expects, with BatchNorm and dropout, and images that it can tell apart."""

import numpy as np
import torch
from torch import nn


class SmallNetwork(nn.Module):
    """Three stages and a head; images [B, 1, 8, 8] in [0, 1]."""

    def __init__(self, classes=4, seed=0):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
            self.middle = nn.Sequential(
                nn.Conv2d(6, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
            )
            self.last = nn.Sequential(nn.Flatten(), nn.Linear(72, 12), nn.ReLU(), nn.Dropout(0.2))
            self.head = nn.Linear(12, classes)

    def features(self, x):
        return self.last(self.middle(self.stem(x - 0.5)))

    def forward(self, x):
        return self.head(self.features(x))


def stages(model):
    return [(name, getattr(model, name)) for name in ("stem", "middle", "last")]


def images(count, classes=4, seed=0):
    """uint8 [count, 1, 8, 8] and labels [count]: a bright quarter says the class, noise covers it."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % classes)
    pixels = rng.integers(0, 140, (count, 1, 8, 8))
    for image, label in zip(pixels, labels, strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[0, row : row + 4, column : column + 4] += 60
    return torch.from_numpy(pixels.astype(np.uint8)), torch.from_numpy(labels)


def used(model):
    """The network after a few batches in train mode: its running statistics are not the initial ones."""
    model.train()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for seed in range(3):
            model(images(32, seed=10 + seed)[0].float() / 255)
    return model
