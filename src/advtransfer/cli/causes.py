"""What lies outside of the code and ends a job or a command, told in one line: what, where, and what mends it."""

from __future__ import annotations

import errno
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

# Sockets, libraries and files of a notebook's kernel; below it some library or other fails, in words of its own.
FEWEST_FILES = 256
_WANTED_FILES = 4096
_WHERE = r"(?:: '(?P<path>[^']+)')?"
_REFUSED = "Permission denied|Read-only file system|Operation not permitted"
_FULL = (
    r"No space left on device|Disk quota exceeded|database or disk is full"
    r"|EOFError: marshal data too short"  # byte code that Python has cut off (cli/bytecode.py)
)
# Pattern in the words of the system and of libraries -> what to say; the first that is found tells most.
_CAUSES = (
    (
        # what this module said, in the log of a job
        r"^(?:\S+: )?(?P<line>(?:disk full: |too many open files \(|out of memory: |the environment cannot load ).*)$",
        "{line}",
    ),
    (rf"^(?:\S+: )?(?P<line>\S+: (?:{_REFUSED}): give this .*)$", "{line}"),
    (
        rf"(?P<line>{_REFUSED}): '(?P<path>[^']+)'",
        "{path}: {line}: give this user the right to it, or work in a checkout of your own",
    ),
    (rf"(?:{_FULL}){_WHERE}", "disk full: {path}: free space and run again"),
    (
        rf"Too many open files{_WHERE}",
        f"too many open files ({{path}}): `ulimit -n` allows {{files}}, expected at least {FEWEST_FILES}",
    ),
    (
        r"Cannot allocate memory|^MemoryError|can't allocate memory|std::bad_alloc|failed to map segment"
        r"|Unable to allocate .* for an array|realloc of size|malloc of size|CUDA out of memory",
        "out of memory: {line}: give the job more, or let fewer run at once (--cores)",
    ),
    (
        r"No module named '(?:torch|torchvision|numpy|pandas|pyarrow|safetensors|sklearn)(?:\.[\w.]+)?'"
        r"|^(?:Import|OS)Error: .*(?:\.so\b|shared object|undefined symbol|GLIBC)|operator torchvision::nms does not",
        "the environment cannot load what the job needs: {line}: `rm -r .venv && make setup` makes it anew",
    ),
)
_OF_THE_SYSTEM = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
)
_LONGEST = 160


def told(error: BaseException) -> str | None:
    """What lies behind an exception, or behind those that led to it; None for a mistake of the code or its input."""
    for each in _chain(error):
        if isinstance(each, OSError) and each.errno in _OF_THE_SYSTEM:
            return cause_in(f"{each.strerror}: '{each.filename or Path.cwd()}'")
    return cause_in("\n".join(f"{type(each).__name__}: {each}" for each in _chain(error)))


def cause_in(text: str) -> str | None:
    """What lies behind words that a program left, in one line; None where they say nothing of the kind."""
    for pattern, words in _CAUSES:
        if found := re.search(pattern, text, re.MULTILINE):
            named = found.groupdict()
            return words.format(
                path=named.get("path") or Path.cwd(),
                line=named.get("line") or _line_of(text, found),
                files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            )
    return None


def full_disk(folder: Path) -> str | None:
    """What to say if nothing more can be written to a folder."""
    return (
        f"disk full: {folder}: free space and run again" if shutil.disk_usage(folder).free < 2**16 else None
    )


def raise_open_files() -> str:
    """Lets this process, and what it starts, open enough files; what to say where the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _WANTED_FILES:
        return ""
    most = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    if max(soft, most) >= FEWEST_FILES:
        return ""
    return f"ulimit -n: found {hard}, expected at least {FEWEST_FILES} files that may be open at once"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _line_of(text: str, found: re.Match[str]) -> str:
    begin = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    line = text[begin : end if end >= 0 else len(text)].strip()
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
