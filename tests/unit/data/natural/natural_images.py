"""Small images and trees of them for the tests of this folder."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.ingest import Preparation, prepare

MODES = ("RGB", "L", "CMYK", "RGBA")


def photo(seed, height=40, width=48, mode="RGB"):
    """A smooth Pillow image that no other seed gives."""
    coarse = np.random.default_rng(seed).integers(256, size=(5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plant(root, files):
    """Writes {path below root: bytes} and returns the root."""
    for name, data in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Path(root)


def tree(root, classes=("cat", "dog"), count=3, split="train", size=16):
    """``count`` different PNGs a class, as ROOT/SPLIT/CLASS/NAME.png."""
    files = {
        f"{split}/{name}/{i:03d}.png": encoded(photo(1000 * c + i, size, size), "PNG")
        for c, name in enumerate(classes)
        for i in range(count)
    }
    return plant(root, files)


def prepared(root, classes=("cat", "dog"), count=3, resolution=16, split="train", **more):
    """Path of a prepared file made from ``tree``."""
    source = image_folder(tree(root, classes, count, split, resolution), (split,))
    path = Path(root) / f"{split}.parquet"
    prepare(
        source, Preparation(resolution=resolution, **more), path, Path(root) / "rejects.parquet", workers=2
    )
    return path


def real_images(name):
    """A tree of the real data set, or the reason to skip."""
    root = os.environ.get("ADVTRANSFER_DATA")
    path = Path(root or ".") / name
    if not root or not path.is_dir():
        pytest.skip(f"ADVTRANSFER_DATA names no folder with {name}")
    return path
