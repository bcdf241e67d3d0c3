"""What lies in the project now: every seal, and the content of every file where artifacts lie, read anew."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from advtransfer.provenance.files import PREFIX
from advtransfer.provenance.inside import Inside
from advtransfer.provenance.seal import SUFFIX, Seal, SealError, all_seals
from advtransfer.regular_files import open_regular, why_unreadable

_CHUNK = 1 << 20
_SHORT = 12


class Content(NamedTuple):
    """SHA-256 (what seals hold), MD5 (what DVC records) and bytes of a file."""

    sha256: str
    md5: str
    size: int


@dataclass(frozen=True)
class Evidence:
    """Seals by primary output, and the content of every file under the artifact folders by its path.

    ``unreadable`` tells why, for files and folders that are there and cannot be read.
    """

    root: Path
    sealed: dict[str, Seal | SealError]
    files: dict[str, Content]
    seconds: float
    unreadable: dict[str, str] = field(default_factory=dict)

    @classmethod
    def gather(cls, root: Path, folders: Sequence[str], *, without: Sequence[str] = ()) -> Evidence:
        """Reads every file under ``folders`` once, except below ``without``; both relative to ``root``.

        What is not there (a link into a cache that was emptied) counts as missing.
        """
        root, began = root.resolve(), time.monotonic()
        unreadable: dict[str, str] = {}
        names = [name for folder in folders for name in _walk(root, folder, set(without), unreadable)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashlib lets other threads run
            contents = dict(zip(names, pool.map(lambda name: _read(root / name), names), strict=True))
        unreadable |= {name: content for name, content in contents.items() if isinstance(content, str)}
        files = {name: content for name, content in contents.items() if isinstance(content, Content)}
        return cls(root, all_seals(root), files, time.monotonic() - began, unreadable)

    @cached_property
    def seals(self) -> dict[str, Seal]:
        """The seals that can be believed."""
        return {primary: seal for primary, seal in self.sealed.items() if isinstance(seal, Seal)}

    @cached_property
    def makers(self) -> dict[str, Seal]:
        """Every sealed output -> the seal that vouches for it."""
        return {path: seal for seal in self.seals.values() for path in seal.spec.output_paths}

    def below(self, path: str) -> dict[str, str]:
        """MD5 of a file and of all files in the folder of that name, by path, as far as they were read."""
        return {
            name: content.md5
            for name, content in self.files.items()
            if name == path or name.startswith(f"{path}/")
        }

    @property
    def megabytes_per_second(self) -> float:
        """How fast the files were read and hashed twice."""
        return sum(content.size for content in self.files.values()) / 1e6 / max(self.seconds, 1e-9)

    def sha256(self, path: str) -> str | None:
        """Hash of an input or output as a seal would hold it now: of a seal its id; None if there is none to be had."""
        if path.endswith(SUFFIX):
            seal = self.sealed.get(path.removesuffix(SUFFIX))
            return seal.id if isinstance(seal, Seal) else None
        if path in self.files:
            return self.files[path].sha256
        if path not in self._raw:
            leads_out = Path(path).is_absolute() or ".." in Path(path).parts
            content = None if leads_out else _read(self.root / path)
            self._raw[path] = content.sha256 if isinstance(content, Content) else None
        return self._raw[path]

    def state(self, path: str) -> str:
        """What there is of a file, in words: the beginning of its hash, or why there is none.

        Hashes of what lies outside of the project, where a link leads, are compared and not told.
        """
        digest = self.sha256(path)
        if digest is None:
            return self.why_none(path)
        return digest[:_SHORT] if path in self._inside else "another file, outside of the project"

    def why_none(self, path: str) -> str:
        """Why there is no hash of a file, in words."""
        return f"cannot be read ({self.unreadable[path]})" if path in self.unreadable else "missing"

    def tellable(self, path: str) -> str | None:
        """``sha256`` of what lies in the project, else None."""
        return self.sha256(path) if path in self._inside else None

    @cached_property
    def _inside(self) -> Inside:
        return Inside(self.root)

    @cached_property
    def _raw(self) -> dict[str, str | None]:
        """Hashes of what lies elsewhere, as far as somebody asked."""
        return {}


def read(path: Path) -> Content:
    """Both hashes of a regular file in one pass. Raises OSError if it is none, or cannot be read."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return Content(sha256.hexdigest(), md5.hexdigest(), size)


def _read(path: Path) -> Content | str | None:
    """The content; why there is none, in words; or None for what is not there."""
    try:
        return read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return why_unreadable(error)


def _walk(root: Path, folder: str, without: set[str], closed: dict[str, str]) -> Iterator[str]:
    """Files, by name; what jobs at work keep in private folders and git's own files are no artifacts.

    ``closed`` gets the folders that this user may not look into, and why.
    """

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            closed[Path(error.filename).relative_to(root).as_posix()] = why_unreadable(error)

    for where, folders, names in os.walk(root / folder, onerror=note):
        inside = Path(where).relative_to(root).as_posix()
        folders[:] = sorted(
            name for name in folders if not name.startswith(PREFIX) and f"{inside}/{name}" not in without
        )
        for name in sorted(names):
            if name != ".gitignore" and not name.startswith(PREFIX):
                yield f"{inside}/{name}"
