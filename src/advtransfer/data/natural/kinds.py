"""Which kind of image a file is by its first bytes, whatever it is called."""

from __future__ import annotations

import re

from advtransfer.regular_files import IrregularFileError, open_regular

HEAD = 132  # bytes that tell
READ = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")  # Pillow has others that start programs
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".png", ".ppm", ".pgm", ".pbm", ".pnm", ".bmp", ".dib", ".tif", ".tiff",
    ".webp", ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2",
)  # fmt: skip
_KINDS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "PPM": rb"P[1-6]\s+[\d#]",
    "BMP": rb"BM.{4}\0{4}",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "WEBP": rb"RIFF.{4}WEBP",
    "GIF": rb"GIF8[79]a",
    "HEIC": rb".{4}ftyp(heic|heix|hevc|heim|heis|mif1|msf1)",
    "AVIF": rb".{4}ftypavi[fs]",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "Photoshop": rb"8BPS\0\x01",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "DICOM": rb".{128}DICM",
}
_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _KINDS.items()}


def kind_of(head: bytes) -> str | None:
    """The name of the format that a file with these first ``HEAD`` bytes has; None if it is no image."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(head)), None)


def looks_like_image(path: str) -> bool:
    """By its suffix, else by its first bytes; True for what has the suffix and cannot be read, or is damaged.

    A reader that takes it will find out, and tell; only what certainly is no image is left aside.
    """
    if path.lower().endswith(SUFFIXES):
        return True
    try:
        with open_regular(path) as file:
            return kind_of(file.read(HEAD) or b"") is not None
    except IrregularFileError:
        return False
    except OSError:
        return True
