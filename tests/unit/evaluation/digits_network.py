"""A small network with BatchNorm, trained on 1,500 digits; the last 297 are for tests."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class DigitsNetwork(nn.Module):
    """Scores of 10 classes of images [B, 1, 8, 8] in [0, 1]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Linear(24 * 16, 10)

    def features(self, x):
        return self.body(x - 0.5)

    def forward(self, x):
        return self.head(self.features(x))


def digits():
    """Images float32 [1797, 1, 8, 8] in [0, 1] and labels."""
    bunch = load_digits()
    return torch.from_numpy(bunch.images / 16).float()[:, None], torch.from_numpy(bunch.target)


def trained(noise=0.2, steps=150):
    """Trained on noisy images, so that an attack of half the noise leaves some of them right."""
    x, y = digits()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DigitsNetwork()
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for _ in range(steps):
            rows = torch.randint(0, 1500, (64,))
            noisy = x[rows] + noise * torch.randn(64, 1, 8, 8)
            loss = nn.functional.cross_entropy(network(noisy), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    network.zero_grad()
    return network.eval()
