"""Encoded images to RGB pixels, and what makes an image unusable.

Ordinary JPEGs go through torchvision's operator, everything else through Pillow; both are libjpeg-turbo
underneath and give the same pixels. The operator is used rather than torchvision.io.decode_image, which warns
at every call that it is deprecated (half of its time for a 64-pixel image), and never for PNG, where damaged
data ends the process. Neither decoder applies the EXIF orientation, as in the usual training code, and like
all users of libjpeg both take a JPEG with damaged entropy-coded data for an image: only what breaks its
structure or its end is found.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 2**26  # 67 million: a header may claim a size that fills the memory
MAX_BYTES = 4 * MAX_PIXELS  # of an encoded image: so many pixels take less, but for those of 16 bits
GREY = ("L", "1")
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")  # Pillow has others that start programs
Modes = Literal["convert", "reject"]


class RejectedError(Exception):
    """Why an image is of no use: unreadable, empty, corrupt, mode or too-large, and details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Decoded:
    """Pixels [H, W, 3] uint8 and the mode, in Pillow's words, that they were converted from (RGB: none)."""

    pixels: np.ndarray
    mode: str


def decode(image: bytes | Image.Image, *, modes: Modes, max_pixels: int = MAX_PIXELS) -> Decoded:
    """One image, or ``RejectedError``.

    Grey, bilevel and opaque palette images become RGB without loss. What loses something on the way
    (transparency, CMYK and other colour spaces, 16 bits a channel) is converted as ``Image.convert`` does, 16
    bits by their high byte, or rejected, as ``modes`` says. Of several frames the first is taken.
    """
    if isinstance(image, Image.Image):
        return _from_pillow(image, modes, max_pixels)
    if not image:
        raise RejectedError("empty", "0 bytes")
    header = jpeg_header(image)
    if header is not None and header.plain and (operator := _jpeg_operator()):
        _check_size(header.width, header.height, max_pixels)
        return _from_jpeg(image, operator)
    try:
        opened = Image.open(io.BytesIO(image), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise RejectedError("corrupt", f"none of {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RejectedError("too-large", str(error)) from error
    except Exception as error:  # Pillow's parsers raise whatever damaged headers lead them to
        raise RejectedError("corrupt", _one_line(error)) from error
    return _from_pillow(opened, modes, max_pixels)


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the frame header says."""

    width: int
    height: int
    bits: int
    channels: int

    @property
    def plain(self) -> bool:
        return self.bits == 8 and self.channels in (1, 3)


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Of the first frame (ITU T.81, B.2.2); None for no JPEG or where no frame header is where it belongs."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8]
            return JpegHeader(width, height, bits=data[at + 4], channels=data[at + 9])
        else:
            at += 2 + (data[at + 2] << 8 | data[at + 3])
    return None


@functools.cache
def _jpeg_operator() -> Callable[..., Any] | None:
    """torchvision's, which releases Python's lock; None where this build or a later release lacks it."""
    import torch
    import torchvision.io  # noqa: F401 - registers the operators

    found = getattr(torch.ops.image, "decode_jpeg", None)
    return None if found is None else found.default


def _from_jpeg(data: bytes, operator: Callable[..., Any]) -> Decoded:
    import torch

    try:
        # as stored, no EXIF orientation; a bytearray because torch asks for memory that may be written
        pixels = operator(torch.frombuffer(bytearray(data), dtype=torch.uint8), 0, False)
    except RuntimeError as error:
        raise RejectedError("corrupt", _one_line(error).rpartition(", ")[2]) from error
    grey = len(pixels) == 1
    planes = np.broadcast_to(pixels, (3, *pixels.shape[1:])) if grey else pixels.numpy()
    return Decoded(np.ascontiguousarray(planes.transpose(1, 2, 0)), "L" if grey else "RGB")


def _from_pillow(image: Image.Image, modes: Modes, max_pixels: int) -> Decoded:
    _check_size(*image.size, max_pixels)
    mode = image.mode
    transparent = "transparency" in image.info
    lossless = mode in ("RGB", *GREY) or (mode == "P" and not transparent)
    if not lossless and (modes == "reject" or mode in ("I", "F")):
        raise RejectedError("mode", f"{mode}{' with transparency' if transparent else ''}")
    try:
        image.load()
        if mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        pixels = np.asarray(image.convert("RGB"))
    except Exception as error:  # as above: a damaged body
        raise RejectedError("corrupt", _one_line(error)) from error
    return Decoded(pixels, mode)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise RejectedError("too-large", f"{width}x{height}, at most {max_pixels} pixels")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
