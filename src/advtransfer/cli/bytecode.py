"""Byte code on a full disk: Python writes as much of it as there is room for, and fails at every import after that."""

from __future__ import annotations

import contextlib
import marshal
import os
import shutil
from pathlib import Path

_HEADER = 16  # bytes before the code
_ENOUGH = 2**20  # bytes that are left


def mend(source: Path, root: Path) -> None:
    """Removes what was cut off below ``source``; where ``root`` is all but full, processes started later write none."""
    for file in source.rglob("__pycache__/*.pyc"):
        try:
            marshal.loads(file.read_bytes()[_HEADER:])
        except (EOFError, ValueError, TypeError):
            with contextlib.suppress(OSError):
                file.unlink()
        except OSError:
            continue
    if shutil.disk_usage(root).free < _ENOUGH:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
