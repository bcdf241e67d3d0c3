"""What DVC must not be let loose on: it follows links out of the project, and waits at pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from advtransfer.provenance.files import PREFIX
from advtransfer.provenance.inside import Inside
from advtransfer.regular_files import require_regular, why_unreadable

# Where artifacts lie that DVC records; raw data are none.
FOLDERS, RAW = ("data", "results", "reports/rendered"), "data/raw"


def why_not(root: Path) -> str:
    """Why the results must not be recorded as they lie there, in one line; nothing if they may."""
    found = list(_odd(root))
    outside = [path for path, why in found if not why]
    cache = (
        os.path.realpath(_cache(root)) if outside else ""
    )  # DVC may link artifacts into a cache that lies elsewhere
    for path, why in found:
        if why or not Path(os.path.realpath(root / path)).is_relative_to(cache):
            return f"{path}: {why or 'a link out of the project'}; remove it, so that DVC does not record what is there"
    return ""


def _odd(root: Path) -> Iterator[tuple[str, str]]:
    """Paths of what is neither a folder nor a file of the project, and why; for links to files elsewhere nothing."""
    inside = Inside(root)
    for folder in FOLDERS:
        for where, folders, names in os.walk(root / folder):
            here = Path(where).relative_to(root)
            folders[:] = sorted(
                name for name in folders if not name.startswith(PREFIX) and str(here / name) != RAW
            )
            for name in sorted([*folders, *names]):
                path = here / name
                if name in folders:
                    if (root / path).is_symlink():
                        yield str(path), "a link to a folder"
                    continue
                try:
                    require_regular(root / path)
                except OSError as error:
                    yield str(path), why_unreadable(error)
                else:
                    if path not in inside:
                        yield str(path), ""


def _cache(root: Path) -> str:
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(
        command, cwd=root, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    return done.stdout.strip() or str(root / ".dvc/cache")
