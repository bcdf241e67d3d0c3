"""What is cheap to know of raw images: recorded when they are prepared, compared when they are used again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from advtransfer.data.natural.layout import files_below

LOOKED_AT = 50_000  # files of which size and time are asked for; of more, so many at even distances
_TABLE = ".parquet"
_TAIL = 8  # bytes at the end of a Parquet file: length of the footer, and a mark
State = Mapping[str, Any]


def raw_state(block: Mapping[str, Any], root: Path) -> dict[str, Any] | None:
    """Of the images that a block of ``datasets`` names below ``root``; None if there are none.

    Returns:
        files: how many there are, hidden ones apart. bytes, newest (UTC): of those looked at. names: SHA-256 of their
        names, and of the sizes and, of Parquet tables, the footers of those looked at. times: SHA-256 of when each of
        them was last changed. Contents are not read: that takes as long as preparing them.
    """
    place = _place(block, root)
    splits = block["folder"]["splits"] if "folder" in block else ()
    if not all((place / split).exists() for split in splits or [""]):
        return None
    files = sorted(
        (f"{split}/{name}", path)
        for split in splits or [""]
        for name, path in ([("", str(place))] if place.is_file() else files_below(place / split))
    )
    seen = files[:: -(-len(files) // LOOKED_AT) or 1]
    found = [_size_and_time(path) for _, path in seen]
    footers = [
        _footer(path, size) for (_, path), (size, _) in zip(seen, found, strict=True) if path.endswith(_TABLE)
    ]
    newest = max((time for _, time in found), default=0)
    return {
        "files": len(files),
        "bytes": sum(size for size, _ in found),
        "newest": datetime.fromtimestamp(newest // 10**9, UTC).isoformat(),
        "names": _digest([name for name, _ in files], [size for size, _ in found], footers),
        "times": _digest([time for _, time in found]),
    }


def _digest(*parts: list[Any]) -> str:
    """SHA-256 of lists of plain values; of names with odd bytes, too."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def difference(before: State, now: State) -> str | None:
    """In which way raw images are others than they were, in a few words; None if they seem to be the same.

    Times alone prove nothing, since a copy has new ones: what is said of them is a possibility.
    """
    if before["files"] != now["files"]:
        return f"{now['files']} files, were {before['files']}"
    if before["bytes"] != now["bytes"]:
        return f"{now['bytes']} bytes, were {before['bytes']}"
    if before["names"] != now["names"]:
        return "other names or sizes of files"
    if before["times"] != now["times"]:
        return f"perhaps: the files have other times, newest {now['newest']}, was {before['newest']}"
    return None


def _place(block: Mapping[str, Any], root: Path) -> Path:
    given = block.get("folder") or block.get("parquet")
    return root / (given["path"] if given else block["torchvision"]["name"])


def _size_and_time(path: str) -> tuple[int, int]:
    """In bytes, and nanoseconds since the epoch; -1 and 0 of a link that leads nowhere."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each of a million files takes as long again
    except OSError:
        return -1, 0
    return found.st_size, found.st_mtime_ns


def _footer(path: str, size: int) -> str:
    """SHA-256 of what a Parquet file says of itself: rows, sizes and statistics of its columns."""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(size - _TAIL, 0))
            length = int.from_bytes(file.read(4), "little")
            file.seek(max(size - _TAIL - length, 0))
            return hashlib.sha256(file.read(length)).hexdigest()
    except OSError:
        return ""
