"""The 1,797 handwritten 8x8 digits that ship inside scikit-learn (UCI optical recognition, test part)."""

from __future__ import annotations

import hashlib

import numpy as np

from advtransfer.data.table import ImageSet

SHA256 = "65e5b4619795efb40c1082f4c350c049e4ad552200d369b6ae99e21eef5e72c5"


def load_digits() -> ImageSet:
    """Images [1797, 64] uint8 with 17 grey levels (0..16) and labels 0..9.

    Raises:
        ValueError: the installed scikit-learn carries other data than the study was designed on.
    """
    from sklearn import datasets  # 1.3 s: only the one job that prepares the data pays for it

    bunch = datasets.load_digits()
    images, labels = bunch.data.astype(np.uint8), bunch.target.astype(np.int64)
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    if digest != SHA256:
        raise ValueError(f"digits: scikit-learn's images have sha256 {digest}, expected {SHA256}")
    return ImageSet(
        images=images,
        labels=labels,
        class_names=tuple(map(str, range(10))),
        shape=(8, 8),
        levels=16,
        source="scikit-learn load_digits (UCI optical recognition of handwritten digits)",
        sha256=digest,
    )
