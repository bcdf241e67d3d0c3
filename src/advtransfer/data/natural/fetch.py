"""Downloads a torchvision set, once and on purpose: the only module that may use the network."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from advtransfer.data.natural.folder import WHOLE
from advtransfer.data.natural.torchvision_sets import (
    NAMES_OF_SPLIT,
    NoSplitError,
    open_split,
    parameters,
    torchvision_class,
)
from advtransfer.regular_files import read_text

MANIFEST = "SHA256SUMS"
USUAL_SPLITS = (*NAMES_OF_SPLIT, WHOLE)


def fetch(
    name: str,
    root: Path,
    *,
    splits: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = print,
) -> Path:
    """The folder ROOT/NAME with the set ``name`` of torchvision, complete and as it was first fetched.

    The first call downloads the named splits, by default train, val and test as far as they exist, into a
    folder beside it, checks the MD5 sums that torchvision knows (FGVCAircraft has none), opens each split,
    writes the SHA-256 of every file into ``SHA256SUMS`` and only then gives the folder its name; a call that
    was cut short leaves nothing that is taken for the set. Later calls compare the files with the list and
    use no network.

    Raises ValueError, in one line, for an unknown name or split, an archive that would write outside its
    folder, a folder without a list, or files that differ from it.
    """
    folder = root / name
    if folder.exists():
        count = verify(folder)
        progress(f"{name}: {count} files in {folder} are as they were fetched")
        return folder
    if "download" not in parameters(torchvision_class(name)):
        raise ValueError(f"torchvision cannot download {name}: bring it by hand, as its documentation says")
    partial = root / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # which of its files are complete cannot be known
    partial.mkdir(parents=True)
    with _links_refused():
        found = [_download(name, partial, split, options, progress) for split in splits or USUAL_SPLITS]
    if not all(found) if splits else not any(found):
        raise ValueError(
            f"{name}: {', '.join(splits) or 'train, val, test'} expected, it has other splits: name them"
        )
    size = write_manifest(partial)
    partial.rename(folder)
    progress(f"{name}: {size} bytes in {folder}")
    return folder


def write_manifest(folder: Path) -> int:
    """Writes the SHA-256 of every file below ``folder`` as sha256sum does; returns the bytes of all files."""
    files = [path for path in _files(folder) if path.name != MANIFEST]
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    partial = folder / f"{MANIFEST}.partial"
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(folder / MANIFEST)
    return sum(path.stat().st_size for path in files)


def verify(folder: Path) -> int:
    """How many files the list names; ValueError, in one line, for the first one missing or changed."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"{folder}: no {MANIFEST} in it, so it was not fetched; move it away to fetch it")
    lines = read_text(manifest).splitlines()
    for line in lines:
        expected, _, name = line.partition("  ")
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(
                f"{manifest}: names {name!r}, no file below it; delete {folder} to fetch it again"
            )
        found = _sha256(path) if path.is_file() else "no file"
        if found != expected:
            raise ValueError(
                f"{path}: expected sha256 {expected}, found {found}; delete {folder} to fetch it again"
            )
    return len(lines)


def _download(
    name: str, folder: Path, split: str, options: Mapping[str, Any] | None, progress: Callable[[str], None]
) -> bool:
    """False if there is no such split."""
    progress(f"{name}: downloading {split}")
    try:
        images = len(open_split(name, folder, split, options=options, download=True))
    except NoSplitError:
        progress(f"{name}: has no {split}")
        return False
    progress(f"{name}: {split} has {images} images")
    return True


@contextmanager
def _links_refused() -> Iterator[None]:
    """Archives in tar format hold files and folders only, and nothing leaves the folder they are unpacked in.

    torchvision unpacks with Python's filter ``data``, which judges links by where they point. Before Python
    3.11.13 a chain of links could mislead it (CVE-2025-4517), so none is unpacked. zipfile makes no links and
    drops ``..`` and a leading slash by itself.
    """
    original = tarfile.TarFile.extractall

    def extractall(self: tarfile.TarFile, path: Any = ".", members: Any = None, **options: Any) -> None:
        original(self, path, _files_and_folders(self, members), **(options | {"filter": "data"}))

    tarfile.TarFile.extractall = extractall  # type: ignore[method-assign]
    try:
        yield
    finally:
        tarfile.TarFile.extractall = original  # type: ignore[method-assign]


def _files_and_folders(archive: tarfile.TarFile, members: Any) -> Iterator[tarfile.TarInfo]:
    for member in archive if members is None else members:
        if not (member.isreg() or member.isdir()):
            raise ValueError(f"{archive.name!r}: {member.name!r} is a link or a device; refused")
        yield member


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
