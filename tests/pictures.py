"""Two small sets of images painted for the purpose, as folders."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, SIDE = ("disc", "ring", "stripes"), 16


def paint(root):
    """Two sets of 40 images a class and split: a shape of its class, a colour and noise of its own."""
    rng = np.random.default_rng(0)
    for name in ("painted", "sketched"):
        _paint(Path(root) / name, rng)


def _paint(root, rng):
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    radius = np.hypot(x, y)
    masks = {
        "disc": radius < 5,
        "ring": (radius > 4) & (radius < 7),
        "stripes": x % 4 < 2,
    }
    for split in ("train", "test"):
        for name in CLASSES:
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(40):
                pixels = rng.uniform(0, 120, (SIDE, SIDE, 3)) + masks[name][..., None] * rng.uniform(
                    60, 130, 3
                )
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:02d}.png")
