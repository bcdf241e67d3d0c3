"""Small folders of real images, made of what scikit-learn brings along: for whoever has none at hand.

`photos` is a source of four classes, cut from two photographs; `scans` a target of two others, handwritten digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

# class -> photograph, and where on it the class is seen: left, upper, right, lower in pixels
PHOTOS = {
    "lake": ("china.jpg", (345, 190, 560, 300)),
    "pagoda": ("china.jpg", (85, 60, 345, 345)),
    "petals": ("flower.jpg", (185, 95, 435, 345)),
    "trees": ("china.jpg", (330, 285, 640, 427)),
}
SCANS = {"eight": 8, "three": 3}
SPLITS = ("train", "test")
MOST = 85  # scans of each class and split: scikit-learn has 174 of the rarest digit
ABOUT = """\
photos/  crops of two photographs, (c) danielbuechele and vultilion, CC BY 2.0; they come with scikit-learn
scans/   handwritten digits (Alpaydin and Kaynak 1998, UCI repository, CC BY 4.0); they come with scikit-learn
"""


def write_demo(folder: Path, images: int, seed: int) -> None:
    """Writes ``photos`` and ``scans`` into a folder: ``images`` files a class and split (1..85), drawn by ``seed``.

    The same arguments write the same pixels. Raises FileExistsError for a folder that holds something.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: found a folder that is not empty, expected a new or an empty one")
    rng = np.random.default_rng(seed)
    for name, (photograph, box) in PHOTOS.items():
        crops = _crops(_photograph(photograph), box, images, rng)
        _save(folder / "photos" / name, crops, "jpg")
    for name, digit in SCANS.items():
        pages = _scans(digit, images * len(SPLITS), rng)
        for split in SPLITS:
            _save(folder / "scans" / split / name, [next(pages) for _ in range(images)], "png")
    (folder / "ABOUT.txt").write_text(ABOUT, encoding="utf-8")


def _photograph(name: str) -> Image.Image:
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image(name))


def _crops(
    photograph: Image.Image, box: tuple[int, int, int, int], count: int, rng: np.random.Generator
) -> list[Image.Image]:
    """Parts of 40 to 72 pixels along a side, from anywhere in the box."""
    left, upper, right, lower = box
    crops = []
    for _ in range(count):
        width, height = rng.integers(40, 73, 2)
        x, y = rng.integers(left, right - width), rng.integers(upper, lower - height)
        crops.append(photograph.crop((x, y, x + width, y + height)))
    return crops


def _scans(digit: int, count: int, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Dark ink on paper, 32 by 32 pixels in grey, each of another hand."""
    from sklearn.datasets import load_digits

    ink, labels = load_digits(return_X_y=True)
    for row in rng.choice(np.flatnonzero(labels == digit), count, replace=False):
        drawn = Image.fromarray((ink[row].reshape(8, 8) * 15).astype(np.uint8)).resize(
            (32, 32), Image.Resampling.BICUBIC
        )
        paper = 235 + rng.normal(0, 4, (32, 32))
        yield Image.fromarray(np.clip(paper - 0.8 * np.asarray(drawn), 0, 255).astype(np.uint8))


def _save(folder: Path, images: list[Image.Image], suffix: str) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        image.save(folder / f"{number:03d}.{suffix}")
