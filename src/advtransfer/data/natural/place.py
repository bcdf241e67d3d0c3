"""Where a user's images lie: the one variable that says so."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE, DEFAULT = "ADVTRANSFER_DATA", "data/raw"


def data_folder() -> Path:
    """The folder that ADVTRANSFER_DATA names, else data/raw of the project (the current directory)."""
    return Path(os.environ.get(VARIABLE) or DEFAULT)
