"""uPlot (MIT, Leon Sorokin), the drawing library of the interactive plots, as the package uplot-python ships it.

A page holds a copy of it (120 kB), so that it works from the file system, by itself and without a network. The hashes
stand in code, so that the seals of the pages cover the library.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

SHA256 = {
    "uPlot.iife.js": "655bc8aa33781e8721c5af6b59f1699c03c9bda951aa74a6ab518ac20cc4326d",
    "uPlot.min.css": "3f121cd4a997b634e07a887658850018e475c26f0bddd874109a8d382c19de87",
}


def script() -> str:
    """The library, which defines ``uPlot``; holds no end tag, so that it can stand in a page."""
    return _read("uPlot.iife.js")


def style() -> str:
    return _read("uPlot.min.css")


def _read(name: str) -> str:
    """Raises ValueError for another version than the pages were tested with, or none."""
    found = find_spec("uplot")  # not imported: the package would import IPython
    if found is None or found.origin is None:
        raise ValueError("uplot-python is not installed; `make setup` installs what requirements.lock names")
    content = (Path(found.origin).parent / "static" / name).read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != SHA256[name]:
        raise ValueError(f"{name} of uplot-python: sha256 {digest}, expected {SHA256[name]}")
    return content.decode()
