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
def writable(root: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The project, or where nothing can be written into it a folder of links to all that it holds, for the while.

    The links bear the names that all has in the project, so whoever works there finds what he would find here. With it
    come the variables that keep a tool's caches there too: who may not write here may have no home either.
    """
    state = root / STATE
    if os.access(state if state.exists() else root, os.W_OK):
        yield root, {}
        return
    with tempfile.TemporaryDirectory(prefix="advtransfer-") as name:
        folder = Path(name)
        for entry in root.absolute().iterdir():
            if entry.name != STATE:
                (folder / entry.name).symlink_to(entry)
        yield folder, {"XDG_CACHE_HOME": str(folder / STATE / "cache")}
