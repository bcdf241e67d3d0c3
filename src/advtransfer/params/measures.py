"""The measures that a study may list: a file each in ``evaluation/representation/measures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from advtransfer.evaluation.representation import measures
from advtransfer.params.sources import Source, files

(_FOLDER,) = map(Path, measures.__path__)
_FILES = files(_FOLDER)
NAMES = tuple(_FILES)


def _measure(name: str) -> str:
    """A name whose file holds a measure; looked at where a study lists it, so that others bear with it."""
    source = Source(_FILES[name])
    function = source.function("measure", "measure(x, y)")
    if len(function.args.args) != 2:
        found = f"{len(function.args.args)} arguments"
        raise source.wrong(f"measure: found {found}, expected x and y, and others behind *")
    return name


if TYPE_CHECKING:
    Measure = str
else:
    Measure = Annotated[Literal[NAMES], AfterValidator(_measure)]


def module(name: str) -> str:
    """Where the code of a measure is."""
    return f"{measures.__name__}.{name}"


def least_images(name: str) -> int:
    """Validation images of each class that a measure needs: the number ``LEAST`` of its file, else 1."""
    return Source(_FILES[name]).number("LEAST", 1)
