"""Reads regular files and nothing else: what is a pipe or a device can keep nobody waiting and fill no memory.

The one place that opens what others may have laid where a file belongs. Needs the standard library alone, so that
both the science and the provenance may use it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import stat
from typing import Any

StrPath = str | os.PathLike[str]

# Of a document (a seal, a spec, a list of files): more than any has, less than hurts.
MAX_DOCUMENT = 2**28
MAX_DEPTH = 64
_CHUNK = 2**20
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class IrregularFileError(OSError):
    """What lies there is neither a regular file nor a link to one."""


def open_regular(path: StrPath) -> io.FileIO:
    """Open a regular file, or what a link to one leads to, for reading without a buffer.

    Raises OSError at once for anything else: IrregularFileError for a pipe, a socket or a device, IsADirectoryError
    for a folder, another one for what is not there, is closed to this user, links to itself or can be no name.
    """
    require_regular(path)
    # the kind may change between the look and the opening: then a pipe must not wait for its other end
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _refuse(os.fstat(descriptor).st_mode, path)
        return io.FileIO(descriptor, closefd=True)
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(path: StrPath) -> None:
    """Raises what `open_regular` raises, for those who leave the reading to a library."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (several times faster than Path.stat from a string)
    except ValueError:  # a null character, or letters that no file system takes
        raise OSError(errno.EINVAL, "no name of a file", repr(os.fspath(path))) from None
    _refuse(mode, path)


def _refuse(mode: int, path: StrPath) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    kind = _KINDS.get(stat.S_IFMT(mode), "of an unknown kind")
    raise IrregularFileError(errno.EINVAL, f"no regular file ({kind})", os.fspath(path))


def read_bytes(path: StrPath, limit: int = MAX_DOCUMENT) -> bytes:
    """The content of a regular file of at most ``limit`` bytes. Raises OSError as `open_regular`, and for more."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        pieces: list[bytes] = []
        read = 0
        asked = size + 1  # a byte more than there is: then one call reads all of a file that nobody writes to
        while max(size, read) <= limit:
            piece = file.read(asked) or b""
            pieces.append(piece)
            read += len(piece)
            if len(piece) < asked:
                return b"".join(pieces)
            asked = min(_CHUNK, limit + 1 - read)
    raise OSError(errno.EFBIG, f"more than {limit} bytes", os.fspath(path))


def read_text(path: StrPath, limit: int = MAX_DOCUMENT) -> str:
    """``read_bytes`` as UTF-8, newlines as they are. Raises UnicodeDecodeError, a ValueError, for other bytes."""
    return read_bytes(path, limit).decode("utf-8")


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError for what is none, or is nested deeper than anybody writes."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        # types, not isinstance: the parser makes no others, and every seal of a project comes by here
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return value
    raise ValueError("nested too deeply")


def read_json(path: StrPath) -> Any:
    """The value in a JSON file. Raises OSError as ``read_bytes``, ValueError as ``parse_json``."""
    return parse_json(read_bytes(path))


def why_unreadable(error: OSError) -> str:
    """The reason in lower case, without the path: to stand behind the name that the reader knows."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def printable(text: str) -> str:
    """A text on one line that any terminal and file takes: odd bytes of a name and control characters as escapes."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
