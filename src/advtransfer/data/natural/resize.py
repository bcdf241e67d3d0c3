"""Pixels to the square of the study's resolution."""

from __future__ import annotations

import numpy as np
from PIL import Image

FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Pillow's: antialiased when they shrink an image, computed in integers, so the same on every processor."""


def fit(pixels: np.ndarray, resolution: int, resampling: str) -> np.ndarray:
    """[H, W, 3] -> [resolution, resolution, 3] uint8: shorter side to ``resolution``, then the centre.

    The longer side keeps the ratio, rounded down, and an odd margin is split as in torchvision's Resize and
    CenterCrop. An image of the right size comes back as it is.
    """
    height, width = pixels.shape[:2]
    if min(height, width) != resolution:
        shape = (
            resolution if width <= height else resolution * width // height,
            resolution if height <= width else resolution * height // width,
        )
        pixels = np.asarray(Image.fromarray(pixels).resize(shape, FILTERS[resampling]))
    top, left = (round((side - resolution) / 2) for side in pixels.shape[:2])
    return pixels[top : top + resolution, left : left + resolution]
