"""What lies in the project now: every seal, and the content of every file where artifacts lie, read anew."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from advtransfer.provenance.files import PREFIX
from advtransfer.provenance.seal import SUFFIX, Seal, SealError, all_seals

_CHUNK = 1 << 20


class Content(NamedTuple):
    """SHA-256 (what seals hold), MD5 (what DVC records) and bytes of a file."""

    sha256: str
    md5: str
    size: int


@dataclass(frozen=True)
class Evidence:
    """Seals by primary output, and the content of every file under the artifact folders by its path."""

    root: Path
    sealed: dict[str, Seal | SealError]
    files: dict[str, Content]
    seconds: float

    @classmethod
    def gather(cls, root: Path, folders: Sequence[str], *, without: Sequence[str] = ()) -> Evidence:
        """Reads every file under ``folders`` once, except below ``without``; both relative to ``root``.

        What cannot be read (a link into a cache that was emptied) counts as missing.
        """
        root, began = root.resolve(), time.monotonic()
        names = [name for folder in folders for name in _walk(root, folder, set(without))]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
            contents = zip(names, pool.map(lambda name: _read(root / name), names), strict=True)
            files = {name: content for name, content in contents if content}
        return cls(root, all_seals(root), files, time.monotonic() - began)

    @cached_property
    def seals(self) -> dict[str, Seal]:
        """The seals that can be believed."""
        return {primary: seal for primary, seal in self.sealed.items() if isinstance(seal, Seal)}

    @cached_property
    def makers(self) -> dict[str, Seal]:
        """Every sealed output -> the seal that vouches for it."""
        return {path: seal for seal in self.seals.values() for path in seal.spec.output_paths}

    @property
    def megabytes_per_second(self) -> float:
        """How fast the files were read and hashed twice."""
        return sum(content.size for content in self.files.values()) / 1e6 / max(self.seconds, 1e-9)

    def sha256(self, path: str) -> str | None:
        """Hash of an input or output as a seal would hold it now: of a seal its id; None if it is missing."""
        if path.endswith(SUFFIX):
            seal = self.sealed.get(path.removesuffix(SUFFIX))
            return seal.id if isinstance(seal, Seal) else None
        if path in self.files:
            return self.files[path].sha256
        if path not in self._raw:
            try:
                self._raw[path] = read(self.root / path).sha256
            except OSError:
                self._raw[path] = None
        return self._raw[path]

    @cached_property
    def _raw(self) -> dict[str, str | None]:
        """Hashes of what lies elsewhere, as far as somebody asked."""
        return {}


def read(path: Path) -> Content:
    """Both hashes of a file in one pass. Raises OSError."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return Content(sha256.hexdigest(), md5.hexdigest(), size)


def _read(path: Path) -> Content | None:
    try:
        return read(path)
    except OSError:
        return None


def _walk(root: Path, folder: str, without: set[str]) -> Iterator[str]:
    """Files, by name; what jobs at work keep in private folders and git's own files are no artifacts."""
    for where, folders, names in os.walk(root / folder):
        inside = Path(where).relative_to(root).as_posix()
        folders[:] = sorted(
            name for name in folders if not name.startswith(PREFIX) and f"{inside}/{name}" not in without
        )
        for name in sorted(names):
            if name != ".gitignore" and not name.startswith(PREFIX):
                yield f"{inside}/{name}"
