"""From a source to one file of prepared images and one of rejects: nothing in between is held in memory."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from advtransfer.data.natural.decode import MAX_PIXELS, Modes, RejectedError, decode
from advtransfer.data.natural.pool import chunks, in_order
from advtransfer.data.natural.prepared import iterate_rows, read_header
from advtransfer.data.natural.records import Record, Source
from advtransfer.data.natural.rejects import Reject, check_share, count_reasons, write_rejects
from advtransfer.data.natural.repeats import Repeats, pixel_digest
from advtransfer.data.natural.resize import FILTERS, fit
from advtransfer.data.natural.writing import About, PreparedWriter, printable

# What a system says that has come to its limits: nothing about the file.
_OF_THE_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)
CHUNK = 32  # records a thread takes at once: handing over is cheap, and so many photographs can be held


@dataclass(frozen=True)
class Preparation:
    """How images are prepared.

    Args:
        resolution: side of the square, in pixels.
        resampling: a name of ``resize.FILTERS``.
        modes: what to do with images whose conversion to RGB loses something (see ``decode``).
        max_reject_share: more rejects than this share of the records are an error.
        max_pixels: larger images are rejected before they are decoded.
        row_group_bytes: at most 64 MiB. Streaming shuffles better with small row groups (see ``orders``).
    """

    resolution: int
    resampling: str = "bicubic"
    modes: Modes = "convert"
    max_reject_share: float = 0.01
    max_pixels: int = MAX_PIXELS
    row_group_bytes: int = 4 * 2**20

    def __post_init__(self) -> None:
        if self.resampling not in FILTERS:
            raise ValueError(f"resampling is {self.resampling!r}; expected one of {', '.join(FILTERS)}")


def prepare(source: Source, how: Preparation, images: Path, rejects: Path, *, workers: int) -> dict[str, Any]:
    """Writes both files, the same bytes for any number of threads, and returns what was counted.

    Returns:
        records, images (written), classes, rejected (by reason), converted (by Pillow's mode) and resized
        (both of all that could be decoded), unlabelled, other_files (seen beside the images). ``records`` is
        ``images`` plus all rejects.

    Raises ValueError, in one line, for too many rejects, when ``rejects`` is written and ``images`` is not.
    """
    partial_file = images.with_name(images.name + ".partial")
    try:
        refused, seen = _write(source, how, partial_file, workers)
        write_rejects(rejects, refused)
        check_share(source.place, refused, source.count, how.max_reject_share)
        # the first of conflicting records was written before the conflict could be known
        _drop(source, how, partial_file, {reject.source for reject in refused if reject.reason == "conflict"})
        partial_file.replace(images)
    finally:
        partial_file.unlink(missing_ok=True)
    return _summary(source, refused, seen, sum(read_header(images).counts))


def _write(source: Source, how: Preparation, path: Path, workers: int) -> tuple[list[Reject], Counter[str]]:
    """Writes the first record of all pixels that occur; returns what is to be left out and what was done."""
    repeats, seen = Repeats(), Counter[str]()
    refused: list[Reject] = []
    with PreparedWriter(path, how.resolution, how.row_group_bytes) as writer:
        for record, made in _all_made(source, how, workers):
            if isinstance(made, Reject):
                refused.append(made)
                continue
            seen.update(made.seen)
            if repeats.is_new(made.digest, record):
                writer.add(made.pixels, record.label, record.split, record.name)
        writer.finish(_about(source, how))
    return refused + repeats.rejects(), seen


@dataclass(frozen=True)
class _Made:
    """A usable record: pixels [resolution, resolution, 3], digest before resizing, what was done."""

    pixels: np.ndarray
    digest: bytes
    seen: tuple[str, ...]


def _all_made(source: Source, how: Preparation, workers: int) -> Iterator[tuple[Record, _Made | Reject]]:
    """Every record in the order of the names, which is checked."""
    work = partial(_make_chunk, how)
    last = ""
    for chunk in in_order(work, chunks(source.records(), CHUNK), workers=workers, ahead=2 * workers):
        for record, made in chunk:
            if record.name <= last:
                raise ValueError(
                    f"{source.place}: record {record.name!r} follows {last!r}; names must ascend"
                )
            last = record.name
            yield record, made


def _make_chunk(how: Preparation, records: list[Record]) -> list[tuple[Record, _Made | Reject]]:
    return [(record, _make(how, record)) for record in records]


def _make(how: Preparation, record: Record) -> _Made | Reject:
    try:
        decoded = decode(_read(record), modes=how.modes, max_pixels=how.max_pixels)
    except RejectedError as error:
        return Reject(record.name, record.label, record.split, error.reason, error.detail)
    pixels = fit(decoded.pixels, how.resolution, how.resampling)
    resized = () if pixels.shape == decoded.pixels.shape else ("resized",)
    converted = () if decoded.mode == "RGB" else (f"mode {decoded.mode}",)
    return _Made(pixels, pixel_digest(decoded.pixels), (*resized, *converted))


def _read(record: Record) -> Any:
    try:
        return record.read()
    except (OSError, SyntaxError) as error:
        if not isinstance(error, OSError) or error.errno is None:
            # sources that decode by themselves: what Pillow raises
            raise RejectedError("corrupt", str(error)) from error
        if error.errno in _OF_THE_MACHINE:
            raise  # another run would see the image
        reason = "too-large" if error.errno == errno.EFBIG else "unreadable"
        raise RejectedError(reason, error.strerror or "") from error


def _drop(source: Source, how: Preparation, path: Path, names: set[str]) -> None:
    """Writes the file again without the named rows."""
    if not names:
        return
    stored = {printable(name) for name in names}
    whole = path.with_name(path.name + ".all")
    path.replace(whole)
    try:
        with PreparedWriter(path, how.resolution, how.row_group_bytes) as writer:
            for pixels, label, split, name in iterate_rows(whole):
                if name not in stored:
                    writer.add(pixels, label, split, name)
            writer.finish(_about(source, how))
    finally:
        whole.unlink(missing_ok=True)


def _about(source: Source, how: Preparation) -> About:
    return About(source.class_names, source.description, how.resampling)


def _summary(source: Source, refused: list[Reject], seen: Counter[str], labelled: int) -> dict[str, Any]:
    return {
        "records": source.count,
        "images": source.count - len(refused),
        "classes": len(source.class_names),
        "rejected": count_reasons(refused),
        "converted": {key[5:]: count for key, count in sorted(seen.items()) if key.startswith("mode ")},
        "resized": seen["resized"],
        "unlabelled": source.count - len(refused) - labelled,
        "other_files": source.other_files,
    }
