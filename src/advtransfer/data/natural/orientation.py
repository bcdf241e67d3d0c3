"""How a camera was held: the orientation that EXIF states (tag 274), and turning pixels upright by it."""

from __future__ import annotations

import numpy as np
from PIL import Image

UPRIGHT = 1
_TAG, _SHORT = 0x0112, 3


def in_jpeg(segment: bytes) -> int | None:
    """2 to 8 if an APP1 segment of a JPEG, without marker and length, says that the image is stored turned."""
    if segment[:6] != b"Exif\0\0":
        return None
    tiff = segment[6:]
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(bytes(tiff[:4]))
    if order is None:
        return None

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)  # type: ignore[arg-type]

    first = number(4, 4)
    for at in range(first + 2, min(first + 2 + 12 * number(first, 2), len(tiff) - 9), 12):
        if number(at, 2) == _TAG and number(at + 2, 2) == _SHORT:
            return _valid(number(at + 8, 2))
    return None


def in_pillow(image: Image.Image) -> int:
    """1 to 8 of an image that was loaded; TIFFs are turned by Pillow itself."""
    return (_valid(image.getexif().get(_TAG)) if "exif" in image.info else None) or UPRIGHT


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels [H, W, C] as they are to be seen, [H, W, C] or [W, H, C]."""
    rows, columns = pixels[::-1], pixels[:, ::-1]
    upright = {
        2: columns,
        3: rows[:, ::-1],
        4: rows,
        5: pixels.swapaxes(0, 1),
        6: rows.swapaxes(0, 1),
        7: rows[:, ::-1].swapaxes(0, 1),
        8: columns.swapaxes(0, 1),
    }
    return np.ascontiguousarray(upright[orientation])


def _valid(found: object) -> int | None:
    return found if isinstance(found, int) and UPRIGHT < found <= 8 else None
