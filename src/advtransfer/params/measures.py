"""The measures that a study may list: a file each in ``evaluation/representation/measures``, known by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from advtransfer.evaluation.representation import measures

(_FOLDER,) = map(Path, measures.__path__)
NAMES = tuple(sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem != "__init__"))

if TYPE_CHECKING:
    Measure = str
else:
    Measure = Literal[NAMES]


def module(name: str) -> str:
    """Where the code of a measure is."""
    return f"{measures.__name__}.{name}"
