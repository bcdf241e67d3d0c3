"""Images in Parquet as the Hugging Face hub lays them out: a column of encoded images, a column of labels."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from advtransfer.data.natural.decode import MAX_BYTES
from advtransfer.data.natural.folder import WHOLE
from advtransfer.data.natural.records import UNLABELLED, Choice, Limits, Record, Source, choose
from advtransfer.regular_files import parse_json, require_regular, why_unreadable

# A few bytes of a dictionary can stand for gigabytes in each of many rows: no more than one is unpacked at a time.
ROWS_AT_ONCE = 1
MAX_NAME = 1000  # characters of the name of a class
SAME_SPLIT = {"validation": "val", "valid": "val", "dev": "val"}


def parquet_table(
    path: Path,
    splits: Sequence[str] = (),
    *,
    image: str | None = None,
    label: str | None = None,
    limits: Limits | None = None,
) -> Source:
    """A table, or a folder of shards, in the order of shards and rows.

    Args:
        splits: shards to use, by the name that a shard's name begins with (``train-00000-of-00002.parquet``)
            or that its folder has; empty: every shard.
        image, label: columns; by default those that the hub's metadata or their names (image, img, label,
            labels) tell. An image is a struct with ``bytes``, or binary. A label is an integer, named by the
            hub's metadata if there, or a string; null means unlabelled.

    What a table would take unpacked is judged by its footer before anything is read. Raises ValueError, in one line,
    if a shard, a column or a name is missing or does not fit, or takes more than images do.
    """
    shards = _shards(path, splits)
    columns = [_columns(shard.path, image, label) for shard in shards]
    raw = [_read_labels(shard.path, column) for shard, column in zip(shards, columns, strict=True)]
    labels, class_names = _labels(raw, columns, path)
    names = splits or (WHOLE,)
    of_row = np.repeat([names.index(shard.split) for shard in shards], [len(part) for part in raw])
    choice = choose(limits or Limits(), labels, of_row.astype(np.int64), class_names, path)

    def records() -> Iterator[Record]:
        first = 0
        for shard, column, part in zip(shards, columns, raw, strict=True):
            yield from _records(shard, column, choice, first, len(part))
            first += len(part)

    return Source(
        place=path,
        description=f"Parquet {path.name} ({', '.join(names)})",
        class_names=choice.class_names,
        count=len(choice.positions),
        records=records,
    )


@dataclass(frozen=True)
class _Shard:
    path: Path
    name: str
    split: str


@dataclass(frozen=True)
class _Columns:
    image: str
    label: str
    nested: bool
    class_names: tuple[str, ...] | None
    words: bool

    @property
    def pixels(self) -> str:
        """The path of the leaf that holds the encoded images."""
        return f"{self.image}.bytes" if self.nested else self.image


def _shards(path: Path, splits: Sequence[str]) -> list[_Shard]:
    """In the order of their names; ``name`` is the path below ``path``."""
    try:
        files = [path] if not path.is_dir() else list(path.rglob("*.parquet"))
        for file in files:
            require_regular(file)  # Arrow would wait at a pipe
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise ValueError(f"{error.filename}: {why_unreadable(error)}, expected a table") from None
    files.sort(key=lambda p: p.relative_to(path).as_posix())
    shards = []
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        fitting = [split for split in splits if _plain(split) in _split_words(name)]
        if fitting or not splits:
            shards.append(_Shard(file, name, fitting[0] if fitting else WHOLE))
    missing = sorted(set(splits) - {shard.split for shard in shards})
    if missing or not shards:
        wanted = f"a shard of {missing[0]!r}" if missing else "*.parquet"
        raise ValueError(
            f"{path}: {wanted} expected, found {len(files)} tables: {[f.name for f in files[:3]]}"
        )
    return shards


def _split_words(name: str) -> set[str]:
    """Names of splits that a shard's path could mean: its folders, and what its name begins with."""
    *folders, file = name.split("/")
    return {_plain(word) for word in (*folders, file.removesuffix(".parquet").split("-")[0])}


def _plain(split: str) -> str:
    return SAME_SPLIT.get(split, split)


def _columns(path: Path, image: str | None, label: str | None) -> _Columns:
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: no table that can be read: {' '.join(str(error).split())}") from None
    features = _features(path, schema)
    kinds = {name: f.get("_type") for name, f in features.items()}
    image = image or _the_column(path, schema, kinds, "Image", ("image", "img"))
    label = label or _the_column(path, schema, kinds, "ClassLabel", ("label", "labels"))
    for name in (image, label):
        if name not in schema.names:
            raise ValueError(f"{path}: no column {name!r}; it has {', '.join(schema.names)}")
    kind = schema.field(image).type
    nested = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    if not nested and not _is_binary(kind):
        raise ValueError(f"{path}: column {image!r} is {kind}; expected binary or a struct with bytes")
    names = features.get(label, {}).get("names") if kinds.get(label) == "ClassLabel" else None
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError(f"{path}: the hub's metadata name no classes of {label!r}, expected a list of words")
    words = _refuse_no_label(path, label, schema.field(label).type)
    columns = _Columns(image, label, nested, None if names is None else tuple(names), words)
    _refuse_too_much(path, footer, columns.pixels)
    return columns


def _features(path: Path, schema: Any) -> dict[str, dict[str, Any]]:
    """What the hub's metadata say of each column; nothing where there are none."""
    try:
        hub = parse_json((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = hub.get("info", {}).get("features", {})
        return {name: about for name, about in features.items() if isinstance(about, dict)}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path}: the hub's metadata in it are damaged: {error}") from None


def _refuse_no_label(path: Path, label: str, kind: Any) -> bool:
    """Whether labels are words; ValueError for what can be no label."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return True
    if not pa.types.is_integer(kind):
        raise ValueError(f"{path}: column {label!r} is {kind}; expected integers or strings")
    return False


def _refuse_too_much(path: Path, footer: Any, pixels: str) -> None:
    """ValueError for a table whose footer promises more than there can be: a small file may unpack to terabytes."""
    size = path.stat().st_size
    if not 0 <= footer.num_rows <= size:
        raise ValueError(
            f"{path}: says that it has {footer.num_rows} rows, in {size} bytes; expected a byte a row"
        )
    for group in map(footer.row_group, range(footer.num_row_groups)):
        chunks = map(group.column, range(group.num_columns))
        unpacked = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema == pixels)
        if unpacked > MAX_BYTES * max(group.num_rows, 1):
            mean = unpacked // max(group.num_rows, 1)
            raise ValueError(
                f"{path}: an image of it takes {mean} bytes unpacked, expected at most {MAX_BYTES}"
            )


def _the_column(path: Path, schema: Any, kinds: dict[str, Any], kind: str, usual: Sequence[str]) -> str:
    """The one column of that kind, else the one with a usual name."""
    candidates = [name for name, found in kinds.items() if found == kind]
    if len(candidates) != 1:
        candidates = [name for name in usual if name in schema.names]
    if len(candidates) != 1:
        raise ValueError(f"{path}: which column is the {usual[0]}? It has {', '.join(schema.names)}")
    return candidates[0]


def _is_binary(kind: Any) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _labels(raw: list[Any], columns: list[_Columns], path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels [N] int64 of all shards and the classes' names."""
    if any(column.class_names != columns[0].class_names for column in columns):
        raise ValueError(f"{path}: the shards name their classes differently")
    chunks = [chunk for part in raw for chunk in part.chunks]
    if any(column.words for column in columns):
        if not all(column.words for column in columns):
            raise ValueError(f"{path}: labels are words in some shards and numbers in others")
        return _numbered(chunks, path)
    parts = [chunk.cast(pa.int64()).fill_null(UNLABELLED).to_numpy(zero_copy_only=False) for chunk in chunks]
    labels = np.concatenate([np.empty(0, dtype=np.int64), *parts])
    plain = tuple(str(i) for i in range(int(labels.max(initial=-1)) + 1))
    return labels, plain if columns[0].class_names is None else columns[0].class_names


def _read_labels(path: Path, column: _Columns) -> Any:
    """The labels of a shard; words as numbers into a list of them, since a long one may stand in every row."""
    as_numbers = [column.label] if column.words else []
    try:
        with pq.ParquetFile(path, read_dictionary=as_numbers, pre_buffer=False) as file:
            return file.read([column.label], use_threads=False)[column.label]
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: labels cannot be read: {' '.join(str(error).split())}") from None


def _numbered(chunks: list[Any], path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Words as numbers [N] in their own order, and the words that occur."""
    parts = [chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode() for chunk in chunks]
    codes = [part.indices.fill_null(UNLABELLED).to_numpy(zero_copy_only=False) for part in parts]
    used = [np.unique(code[code >= 0]) for code in codes]
    words = [_words(part.dictionary, places, path) for part, places in zip(parts, used, strict=True)]
    names = tuple(sorted({word for found in words for word in found.values() if word is not None}))
    number = {name: i for i, name in enumerate(names)} | {None: UNLABELLED}
    labels = [np.empty(0, dtype=np.int64)]
    for code, found in zip(codes, words, strict=True):
        table = np.full(max(found, default=-1) + 2, UNLABELLED, dtype=np.int64)  # the last place is code -1's
        for place, word in found.items():
            table[place] = number[word]
        labels.append(table[code])
    return np.concatenate(labels), names


def _words(dictionary: Any, places: np.ndarray, path: Path) -> dict[int, str | None]:
    """Place -> word, of those that occur."""
    lengths = pc.binary_length(dictionary)
    if (longest := pc.max(lengths).as_py() or 0) > 4 * MAX_NAME:
        raise ValueError(
            f"{path}: the name of a class has {longest} bytes, expected at most {MAX_NAME} characters"
        )
    return dict(zip(places.tolist(), dictionary.take(pa.array(places)).to_pylist(), strict=True))


def _records(shard: _Shard, column: _Columns, choice: Choice, first: int, rows: int) -> Iterator[Record]:
    """The chosen ones of a shard whose rows are ``first`` to ``first + rows`` of the whole.

    Arrow holds one row group of encoded images; left to itself it would read ahead and hold all of them.
    """
    begin, end = np.searchsorted(choice.positions, (first, first + rows))
    label_of = dict(zip(choice.positions[begin:end] - first, choice.labels[begin:end], strict=True))
    if not label_of:
        return
    row = 0
    with pq.ParquetFile(shard.path, pre_buffer=False) as file:
        for batch in _batches(file, shard.path, column.pixels):
            images = batch.column(0).field("bytes") if column.nested else batch.column(0)
            for image in images:
                if row in label_of:
                    name = f"{shard.name}/{row:07d}"
                    yield Record(name, int(label_of[row]), shard.split, _cell(image))
                row += 1


def _batches(file: Any, path: Path, pixels: str) -> Iterator[Any]:
    """Rows of a table; ValueError, in one line, where it is damaged."""
    try:
        yield from file.iter_batches(ROWS_AT_ONCE, columns=[pixels], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: images cannot be read: {' '.join(str(error).split())}") from None


def _cell(cell: Any) -> Callable[[], bytes]:
    """How to read a cell. One that is too long for an image is let go of at once: many may be waiting."""
    size = cell.as_buffer().size if cell.is_valid else 0
    return _Bytes(cell) if size <= MAX_BYTES else _TooLong(size)


@dataclass(frozen=True, slots=True)
class _Bytes:
    """The bytes of one cell; a null is an empty image."""

    cell: Any

    def __call__(self) -> bytes:
        return self.cell.as_py() or b""


@dataclass(frozen=True, slots=True)
class _TooLong:
    """A cell of which only the size is left."""

    size: int

    def __call__(self) -> bytes:
        raise OSError(errno.EFBIG, f"{self.size} bytes, at most {MAX_BYTES}")
