"""Looking at a project into which this user may not write: another one's checkout, a disk mounted to be read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What Snakemake writes while it plans.
STATE = ".snakemake"


@contextlib.contextmanager
def writable(root: Path) -> Iterator[Path]:
    """The project; or, where nothing can be written into it, a folder of links to all that it holds, for the while.

    The links bear the names that all has in the project, so whoever works there finds what he would find here.
    """
    state = root / STATE
    if os.access(state if state.exists() else root, os.W_OK):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="advtransfer-") as name:
        for entry in root.absolute().iterdir():
            if entry.name != STATE:
                (Path(name) / entry.name).symlink_to(entry)
        yield Path(name)
