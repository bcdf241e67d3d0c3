"""SHA-256 of files, remembered by their stat so that an unchanged terabyte is not read twice."""

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from advtransfer.provenance.files import atomic_write
from advtransfer.regular_files import open_regular, read_json

# A file that changed this shortly before it was read may change again without its times showing it (two
# writes within one tick of the file system's clock): git calls such entries racy. Two seconds is the coarsest
# clock in use (FAT).
RACY_NS = 2_000_000_000

Stamp = tuple[int, int, int, int]


def stamp(path: Path | str) -> Stamp:
    """Size, mtime, ctime and inode: while all stay, so does the content (ctime cannot be set back)."""
    return _stamp(os.stat(path))  # noqa: PTH116 (several times faster than Path.stat from a string)


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def hash_cache(root: Path) -> Path:
    """Where the hashes of a project's files are remembered."""
    return root / ".snakemake" / "sha256.json"


class Hasher:
    """SHA-256 of files through a stat cache.

    `cache` is the JSON file that carries the cache from one process to the next: it may be deleted at any
    time. With None nothing is remembered and every call reads the whole file, as an audit wants it.
    """

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._known = _load(cache) if cache else {}
        self._learnt: dict[str, list[int | str]] = {}

    def sha256(self, path: Path | str) -> str:
        """Hex digest of the file's present content. Raises OSError if it cannot be read, or is no regular file."""
        name = os.path.abspath(path)  # noqa: PTH100 (resolving links would cost a call per folder)
        entry = self._known.get(name) if self._cache else None
        if entry and tuple(entry[:4]) == stamp(name):
            return str(entry[4])
        return self._read(name)

    def save(self) -> None:
        """Merge what was learnt into the cache file; of two saves at once one may be lost, never mixed.

        Where nothing can be written it stays as it is: it only saves time.
        """
        if not (self._cache and self._learnt):
            return
        text = json.dumps({**_load(self._cache), **self._learnt}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            atomic_write(self._cache, text)
        self._learnt = {}

    def _read(self, name: str) -> str:
        began = time.time_ns()
        with open_regular(name) as file:
            before = _stamp(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = _stamp(os.fstat(file.fileno()))
        if before == after and before[2] < began - RACY_NS:
            self._known[name] = self._learnt[name] = [*before, digest]
        return digest


def _load(cache: Path) -> dict[str, list[int | str]]:
    """The entries of a cache file; none if it is absent, damaged or of another make."""
    try:
        entries = read_json(cache)
    except (OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, list) and len(entry) == 5}
