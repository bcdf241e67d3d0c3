"""The files of a Parquet table: which there are, to which split each belongs, and whether a set of them is whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from advtransfer.data.natural.layout import WHOLE, files_below
from advtransfer.regular_files import open_regular, require_regular, why_unreadable

SAME_SPLIT = {"validation": "val", "valid": "val", "dev": "val"}
_OF = re.compile(r"(?P<before>.*?)(?P<number>\d+)-of-(?P<total>\d+)(?P<after>.*)", re.DOTALL)
_COUNTED = re.compile(r"(?P<before>.*?)(?P<number>\d{4,})\.parquet", re.DOTALL)  # as the hub converts tables


@dataclass(frozen=True)
class Shard:
    """One file; ``name`` is its path below the table's folder."""

    path: Path
    name: str
    split: str


def find_shards(path: Path, splits: Sequence[str]) -> list[Shard]:
    """The shards of the splits (of none: all) in the order of their names.

    What begins with a dot or an underscore is hidden, as for all readers of such folders: it is no data. Raises
    ValueError, in one line, for a split without a shard, and for a set of which some are missing.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    names = sorted(_tables(path)) if path.is_dir() else [path.name]
    _refuse_irregular(path, names)
    shards = []
    for name in names:
        fitting = [split for split in splits if _plain(split) in _split_words(name)]
        if fitting or not splits:
            file = path / name if path.is_dir() else path
            shards.append(Shard(file, name, fitting[0] if fitting else WHOLE))
    missing = sorted(set(splits) - {shard.split for shard in shards})
    if missing or not shards:
        wanted = f"a shard of {missing[0]!r}" if missing else "*.parquet"
        raise ValueError(f"{path}: {wanted} expected, found {len(names)} tables: {names[:3]}")
    if path.is_dir():
        _refuse_incomplete(path, [shard.name for shard in shards])
    return shards


def lfs_pointer(file: Path) -> str | None:
    """What to do with a file that git keeps elsewhere; None for any other."""
    try:
        with open_regular(file) as opened:
            lfs = (opened.read(40) or b"").startswith(b"version https://git-lfs")
    except OSError:
        return None
    return "a pointer of Git LFS, not the table: `git lfs pull` brings it" if lfs else None


def _tables(folder: Path) -> Iterator[str]:
    for name, path in files_below(folder):
        if any(part.startswith("_") for part in name.split("/")):
            continue
        if (file := Path(path)).is_symlink() and not file.exists():
            raise ValueError(
                f"{path}: a link to {file.readlink()}, which is not there; mount what holds it, or remove it"
            )
        if name.lower().endswith(".parquet"):
            yield name


def _refuse_irregular(path: Path, names: Sequence[str]) -> None:
    """Arrow would wait at a pipe; a folder that is called like a table holds some, or is a mistake."""
    folders = [folder for folder in path.rglob("*.parquet") if folder.is_dir()] if path.is_dir() else []
    empty = [folder for folder in folders if not any((path / name).is_relative_to(folder) for name in names)]
    try:
        for file in [*empty, *(path / name if path.is_dir() else path for name in names)]:
            require_regular(file)
    except OSError as error:
        raise ValueError(f"{error.filename}: {why_unreadable(error)}, expected a table") from None


def _split_words(name: str) -> set[str]:
    """Names of splits that a shard's path could mean: its folders, and what its name begins with."""
    *folders, file = name.split("/")
    return {_plain(word) for word in (*folders, file.removesuffix(".parquet").split("-")[0])}


def _plain(split: str) -> str:
    return SAME_SPLIT.get(split, split)


def _refuse_incomplete(path: Path, names: Sequence[str]) -> None:
    """``train-00000-of-00002.parquet`` says how many there are, ``0000.parquet`` that none before it may lack."""
    sets: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    totals: dict[tuple[str, str], tuple[str, str]] = {}
    for name in names:
        if found := _OF.fullmatch(name):
            key = (found["before"], found["after"])
            if totals.setdefault(key, (found["number"], found["total"]))[1] != found["total"]:
                raise ValueError(
                    f"{path}: {name} is one of {int(found['total'])} shards, another is one of "
                    f"{int(totals[key][1])}; expected one set: remove what is left of the other"
                )
        elif found := _COUNTED.fullmatch(name):
            key = (found["before"], ".parquet")
            totals.setdefault(key, (found["number"], ""))
        else:
            continue
        sets[key].add(int(found["number"]))
    for (before, after), numbers in sets.items():
        number, total = totals[before, after]
        if lacking := sorted(_expected(numbers, total) - numbers):
            of = f"-of-{total}" if total else ""
            lost = f"{before}{lacking[0]:0{len(number)}d}{of}{after}"
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise ValueError(
                f"{path}: {lost}{more} missing, found {len(numbers)} shards of that name; bring what is missing"
            )


def _expected(numbers: set[int], total: str) -> set[int]:
    """Some count the shards from 1; without a total, only that none lacks between the first and the last is known."""
    if not total:
        return set(range(min(numbers), max(numbers) + 1))
    first = int(0 not in numbers and int(total) in numbers)
    return set(range(first, int(total) + first))
