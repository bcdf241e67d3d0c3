"""The same image in two roles: a leak if one is learnt from and the other tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from advtransfer.data.natural.prepared import iterate_rows
from advtransfer.data.natural.repeats import pixel_digest


def pixel_digests(prepared: Path) -> np.ndarray:
    """SHA-256 of the stored pixels of all N images of a prepared file, [N] of 32 bytes.

    An image that was recompressed or shifted has other pixels. Rejects are told by the pixels before resizing, so
    equal ones can occur within a file too.
    """
    digests = [pixel_digest(pixels) for pixels, *_ in iterate_rows(prepared)]
    return np.array(digests, dtype="S32")
