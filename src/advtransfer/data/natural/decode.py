"""Encoded images to RGB pixels, and what makes an image unusable.

Ordinary JPEGs go through torchvision's operator, everything else through Pillow; both are libjpeg-turbo
underneath and give the same pixels. The operator is used rather than torchvision.io.decode_image, which warns
at every call that it is deprecated (half of its time for a 64-pixel image), and never for PNG, where damaged
data ends the process. Neither decoder applies the EXIF orientation, as in the usual training code; images are
turned here, where that is asked for. Like all users of libjpeg both take a JPEG with damaged entropy-coded data
for an image: only what breaks its structure or its end is found.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from advtransfer.data.natural.kinds import HEAD, READ, kind_of
from advtransfer.data.natural.orientation import UPRIGHT, in_jpeg, in_pillow, turned

MAX_PIXELS = 2**26  # 67 million: a header may claim a size that fills the memory
MAX_BYTES = 4 * MAX_PIXELS  # of an encoded image: so many pixels take less, but for those of 16 bits
GREY = ("L", "1")
Modes = Literal["convert", "reject"]
ALPHA = ("RGBA", "LA", "PA", "RGBA;16", "LA;16")
TURNED, DEEP, DARK, TRANSPARENT = "turned by EXIF", "16-bit", "16-bit, none above 4095", "transparent"


class RejectedError(Exception):
    """Why an image is of no use: unreadable, empty, corrupt, format, mode, too-large or no-class, and details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Choices:
    """What is done with images that there are several ways to read.

    Args:
        modes: what loses something on the way to RGB (transparency, CMYK and other colour spaces, 16 bits a channel)
            is converted as ``Image.convert`` does, or rejected.
        max_pixels: larger images are rejected before they are decoded.
        orientation: take pixels as they are stored, or turn them as their EXIF says.
        grey_bits: how many bits of a 16-bit grey value are used; the upper eight of these are kept.
        transparency: what shines through transparent pixels; ignore takes the colour that is stored under them.
    """

    modes: Modes = "convert"
    max_pixels: int = MAX_PIXELS
    orientation: Literal["stored", "exif"] = "stored"
    grey_bits: int = 16
    transparency: Literal["ignore", "white", "black"] = "ignore"


AS_USUAL = Choices()


@dataclass(frozen=True)
class Decoded:
    """Pixels [H, W, 3] uint8, the mode, in Pillow's words, that they were converted from (RGB: none), and what there
    was to choose: ``turned by EXIF``, ``16-bit``, ``transparent``."""

    pixels: np.ndarray
    mode: str
    noticed: tuple[str, ...] = ()


def decode(image: bytes | Image.Image, choices: Choices) -> Decoded:
    """One image, or ``RejectedError``.

    Grey, bilevel and opaque palette images become RGB without loss. Of several frames the first is taken.
    """
    if isinstance(image, Image.Image):
        return _from_pillow(image, choices)
    if not image:
        raise RejectedError("empty", "0 bytes")
    header = jpeg_header(image)
    if header is not None and header.plain and (operator := _jpeg_operator()):
        _check_size(header.width, header.height, choices.max_pixels)
        decoded = _from_jpeg(image, operator)
        return decoded if header.orientation == UPRIGHT else _turned(decoded, header.orientation, choices)
    try:
        opened = Image.open(io.BytesIO(image), formats=READ)
    except UnidentifiedImageError as error:
        kind = kind_of(image[:HEAD])
        expected = f"expected {', '.join(READ)}"
        if kind is None or kind in READ:
            raise RejectedError("corrupt", f"none of {', '.join(READ)}") from error
        raise RejectedError("format", f"{kind}, {expected}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RejectedError("too-large", str(error)) from error
    except Exception as error:  # Pillow's parsers raise whatever damaged headers lead them to
        raise RejectedError("corrupt", _one_line(error)) from error
    return _from_pillow(opened, choices)


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What the frame header says."""

    width: int
    height: int
    bits: int
    channels: int
    orientation: int = UPRIGHT

    @property
    def plain(self) -> bool:
        return self.bits == 8 and self.channels in (1, 3)


def jpeg_header(data: bytes) -> JpegHeader | None:
    """Of the first frame (ITU T.81, B.2.2); None for no JPEG or where no frame header is where it belongs."""
    if data[:2] != b"\xff\xd8":
        return None
    at, orientation = 2, UPRIGHT
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8]
            return JpegHeader(width, height, data[at + 4], data[at + 9], orientation)
        else:
            length = data[at + 2] << 8 | data[at + 3]
            if marker == 0xE1:
                orientation = in_jpeg(data[at + 4 : at + 2 + length]) or orientation
            at += 2 + length
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


def _from_pillow(image: Image.Image, choices: Choices) -> Decoded:
    _check_size(*image.size, choices.max_pixels)
    deep = any(
        ";16" in str(tile) for tile in getattr(image, "tile", ())
    )  # Pillow calls 16-bit colour RGB, too
    mode = f"{image.mode};16" if deep and ";16" not in image.mode else image.mode
    transparent = "transparency" in image.info
    lossless = mode in ("RGB", *GREY) or (mode == "P" and not transparent)
    if not lossless and (choices.modes == "reject" or mode in ("I", "F")):
        raise RejectedError("mode", f"{mode}{' with transparency' if transparent else ''}")
    noticed: tuple[str, ...] = (DEEP,) if deep or mode.startswith("I;16") else ()
    try:
        image.load()
        shown = image
        if mode.startswith("I;16"):
            values = np.asarray(image)
            noticed += (DARK,) * bool(values.max(initial=0) < 2**12)
            shown = Image.fromarray(_upper_bits(values, choices.grey_bits))
        elif transparent or mode in ALPHA:
            shown = image.convert("RGBA")
            noticed += (TRANSPARENT,) * bool(np.asarray(shown)[..., 3].min(initial=255) < 255)
            shown = _on_top_of(choices.transparency, shown)
        decoded = Decoded(np.asarray(shown.convert("RGB")), mode, noticed)
        return _turned(decoded, in_pillow(image), choices)
    except RejectedError:
        raise
    except Exception as error:  # as above: a damaged body
        raise RejectedError("corrupt", _one_line(error)) from error


def _upper_bits(values: np.ndarray, used: int) -> np.ndarray:
    """The upper eight of the ``used`` bits of 16-bit values [H, W], as uint8."""
    if values.max(initial=0) >= 2**used:
        raise RejectedError(
            "mode", f"16-bit grey up to {values.max()}, expected below {2**used} (grey_bits: {used})"
        )
    return (values >> (used - 8)).astype(np.uint8)


def _on_top_of(colour: str, image: Image.Image) -> Image.Image:
    """An RGBA image as it looks before a background; ``ignore`` leaves it."""
    if colour == "ignore":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, colour), image)


def _turned(decoded: Decoded, orientation: int, choices: Choices) -> Decoded:
    """Says that the image is stored turned, and turns it where that is asked for."""
    if orientation == UPRIGHT:
        return decoded
    pixels = turned(decoded.pixels, orientation) if choices.orientation == "exif" else decoded.pixels
    return Decoded(pixels, decoded.mode, (*decoded.noticed, TURNED))


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise RejectedError("too-large", f"{width}x{height}, at most {max_pixels} pixels")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
