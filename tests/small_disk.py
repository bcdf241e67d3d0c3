"""A disk of a few kilobytes, to be full: mounted by root alone, else the test is skipped."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A tmpfs at ``place``, a folder that is made if need be; gone at the end."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root alone, where mounting is allowed")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
