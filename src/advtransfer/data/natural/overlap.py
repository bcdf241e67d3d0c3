"""The same image in two prepared files: a leak if one is learnt from and the other tested on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advtransfer.data.natural.prepared import iterate_rows, read_header
from advtransfer.data.natural.repeats import pixel_digest


@dataclass(frozen=True)
class Overlap:
    """Pairs of positions with equal pixels: ``first`` [n] in one file, ``second`` [n] in the other."""

    first: np.ndarray
    second: np.ndarray

    def report(self, first_labels: np.ndarray, second_labels: np.ndarray) -> dict[str, int]:
        """How many images of each file the other has too, and how many of the pairs disagree on the label."""
        return {
            "pairs": len(self.first),
            "images_of_first": len(np.unique(self.first)),
            "images_of_second": len(np.unique(self.second)),
            "labels_differ": int((first_labels[self.first] != second_labels[self.second]).sum()),
        }


def find_overlap(first: Path, second: Path) -> Overlap:
    """Compares the stored pixels of all images, which must have been prepared to the same shape.

    An image that was recompressed or shifted has other pixels and is not found.
    """
    shapes = [read_header(path).shape for path in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{first} has images of shape {shapes[0]}, {second} of {shapes[1]}")
    at = defaultdict(list)
    for position, (pixels, *_) in enumerate(iterate_rows(first)):
        at[pixel_digest(pixels)].append(position)
    pairs = [
        (found, position)
        for position, (pixels, *_) in enumerate(iterate_rows(second))
        for found in at.get(pixel_digest(pixels), ())
    ]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Overlap(first=columns[0], second=columns[1])
