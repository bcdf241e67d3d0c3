"""Is a published picture the one that the measurements give? By its bytes, or by the numbers that it shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advtransfer.evaluation.published import ROUNDING
from advtransfer.evaluation.tolerance import share
from advtransfer.regular_files import read_bytes

if TYPE_CHECKING:
    import pandas as pd

SAME, NUMBERS, NEAR = "same bytes", "same numbers", "numbers within their tolerance"


def likeness(picture: str | None, anew: pd.DataFrame | None, *, same_drawer: bool) -> str | None:
    """How a published picture (None: there is none) is like the numbers that it should show; None if it is not.

    ``anew`` are those numbers (None: there are none to show). With ``same_drawer`` it must be what Matplotlib draws
    here of the numbers that it holds; else its lines must lie where those belong.
    """
    from advtransfer.reporting import picture as pictures

    if anew is None or picture is None:
        return SAME if anew is None else None
    if picture == pictures.draw(anew):
        return SAME
    shown = pictures.read(picture)
    if shown is None or not shown[pictures.KEY].equals(anew[pictures.KEY]):
        return None
    if pictures.draw(shown) != picture and (same_drawer or not pictures.follows(picture, shown)):
        return None
    gaps = (shown[pictures.VALUES] - anew[pictures.VALUES]).abs().max(axis=1)
    if (gaps <= ROUNDING).all():
        return NUMBERS
    bounds = zip(anew["low"], anew["high"], strict=True)
    allowed = [share(low, high) + ROUNDING for low, high in bounds]
    return NEAR if (gaps <= allowed).all() else None


def read_picture(file: Path) -> str | None:
    """A picture as text; None if it is not there. Raises OSError where what is there is no file to read."""
    return read_bytes(file).decode(errors="replace") if file.exists() else None


def holds_numbers(picture: str) -> bool:
    """Whether a picture tells what it shows; those of older releases do not."""
    from advtransfer.reporting import picture as pictures

    return pictures.read(picture) is not None
