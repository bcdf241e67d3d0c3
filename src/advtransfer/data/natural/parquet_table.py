"""Images in Parquet as the Hugging Face hub lays them out: a column of encoded images, a column of labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from advtransfer.data.natural.folder import WHOLE
from advtransfer.data.natural.records import UNLABELLED, Choice, Limits, Record, Source, choose

ROWS_AT_ONCE = 64  # encoded images read in one go: a few MB of photographs
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

    Raises ValueError, in one line, if a shard, a column or a name is missing or does not fit.
    """
    shards = _shards(path, splits)
    columns = [_columns(shard.path, image, label) for shard in shards]
    raw = [pq.read_table(s.path, columns=[c.label])[c.label] for s, c in zip(shards, columns, strict=True)]
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


def _shards(path: Path, splits: Sequence[str]) -> list[_Shard]:
    """In the order of their names; ``name`` is the path below ``path``."""
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    files = (
        sorted(path.rglob("*.parquet"), key=lambda p: p.relative_to(path).as_posix())
        if path.is_dir()
        else [path]
    )
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
    schema = pq.read_schema(path)
    hub = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features: dict[str, Any] = hub.get("info", {}).get("features", {})
    kinds = {name: f.get("_type") for name, f in features.items() if isinstance(f, dict)}
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
    return _Columns(image, label, nested, None if names is None else tuple(names))


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
    values = pa.chunked_array([chunk for part in raw for chunk in part.chunks], type=raw[0].type)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        words = values.cast(pa.string()).to_pylist()
        names = tuple(sorted({word for word in words if word is not None}))
        number = {name: i for i, name in enumerate(names)} | {None: UNLABELLED}
        return np.array([number[word] for word in words], dtype=np.int64), names
    if not pa.types.is_integer(kind):
        raise ValueError(f"{path}: column {columns[0].label!r} is {kind}; expected integers or strings")
    labels = values.cast(pa.int64()).fill_null(UNLABELLED).to_numpy()
    plain = tuple(str(i) for i in range(int(labels.max(initial=-1)) + 1))
    return labels, plain if columns[0].class_names is None else columns[0].class_names


def _records(shard: _Shard, column: _Columns, choice: Choice, first: int, rows: int) -> Iterator[Record]:
    """The chosen ones of a shard whose rows are ``first`` to ``first + rows`` of the whole.

    Arrow holds one row group of encoded images; left to itself it would read ahead and hold all of them.
    """
    begin, end = np.searchsorted(choice.positions, (first, first + rows))
    label_of = dict(zip(choice.positions[begin:end] - first, choice.labels[begin:end], strict=True))
    fields = [f"{column.image}.bytes"] if column.nested else [column.image]
    if not label_of:
        return
    row = 0
    with pq.ParquetFile(shard.path, pre_buffer=False) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=fields, use_threads=False):
            images = batch.column(0).field("bytes") if column.nested else batch.column(0)
            for image in images:
                if row in label_of:
                    name = f"{shard.name}/{row:07d}"
                    yield Record(name, int(label_of[row]), shard.split, _Bytes(image))
                row += 1


@dataclass(frozen=True, slots=True)
class _Bytes:
    """The bytes of one cell; a null is an empty image."""

    cell: Any

    def __call__(self) -> bytes:
        return self.cell.as_py() or b""
