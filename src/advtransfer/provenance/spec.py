"""The spec: what a job is, known before it runs; with equal inputs, equal specs make equal outputs."""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from advtransfer.regular_files import parse_json, read_json

Inputs = Mapping[str, str | Sequence[str]]


class SpecError(ValueError):
    """A spec that cannot be: params that are not plain JSON, no output, a file that holds no spec."""


class OutsideError(SpecError):
    """A spec with a `path` that is not one below the project."""

    def __init__(self, path: str) -> None:
        self.path = ascii(path)
        super().__init__(f"path {self.path}; expected one below the project, without ..")


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, ASCII. Equal texts mean equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: Any, where: str = "params") -> Any:
    """A deep copy of a plain JSON value; SpecError with the dotted path of the first thing that is none.

    Tuples, NumPy numbers, paths and the like are refused rather than converted: they would not equal
    themselves once read back.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise SpecError(f"{where}: {value!r} is not plain JSON; expected a finite number")
        return value
    if isinstance(value, list):
        return [plain(item, f"{where}.{index}") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {_key(key, where): plain(item, f"{where}.{key}") for key, item in value.items()}
    raise SpecError(
        f"{where}: {value!r} ({type(value).__name__}) is not plain JSON; "
        "expected null, bool, int, float, str, list or dict"
    )


def _key(key: Any, where: str) -> str:
    if type(key) is not str:
        raise SpecError(f"{where}: key {key!r} ({type(key).__name__}) is not plain JSON; expected str")
    return key


@dataclass(frozen=True)
class Spec:
    """What a job is: rule, wildcards, params it reads, code it can import, files it reads and writes.

    Paths are relative to the project's root, lead below it, and are logical: under a storage plugin the job may be
    handed others.
    The first output is the primary one: it names the job, and the seal lies beside it. Order of names is
    kept, it is the order on the command line.
    """

    rule: str
    stage: str
    wildcards: dict[str, str]
    params: Any
    code: dict[str, str]
    inputs: dict[str, str | list[str]]
    outputs: dict[str, str]

    def __post_init__(self) -> None:
        if not self.outputs:
            raise SpecError(f"rule {self.rule}: a job without outputs cannot be sealed")
        fields = {
            "rule": _word(self.rule),
            "stage": _module(self.stage),
            "wildcards": {str(name): str(value) for name, value in self.wildcards.items()},
            "params": plain(self.params),
            "code": {_module(name): _text(digest) for name, digest in self.code.items()},
            "inputs": {str(name): _paths(value) for name, value in self.inputs.items()},
            "outputs": {str(name): _path(path) for name, path in self.outputs.items()},
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def primary(self) -> str:
        """The output that names the job."""
        return next(iter(self.outputs.values()))

    @property
    def input_paths(self) -> list[str]:
        """Every input, flat, in the order of the command line."""
        return list(_flat(self.inputs))

    @property
    def output_paths(self) -> list[str]:
        """Every output in the order of the command line; the primary one first."""
        return list(self.outputs.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the spec: a key for what belongs to this job alone (checkpoints, tracked runs)."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The spec as a JSON value; named paths as pairs, because sorted keys would lose their order."""
        return {
            "rule": self.rule,
            "stage": self.stage,
            "wildcards": self.wildcards,
            "params": self.params,
            "code": self.code,
            "inputs": [[name, value] for name, value in self.inputs.items()],
            "outputs": [[name, value] for name, value in self.outputs.items()],
        }

    def to_json(self) -> str:
        """Canonical JSON text."""
        return self._json

    @cached_property
    def _json(self) -> str:
        return canonical(self.to_dict())

    @classmethod
    def from_dict(cls, value: Any) -> "Spec":
        """The inverse of `to_dict`. Raises SpecError if the value is no spec."""
        try:
            named = {"inputs": dict(value["inputs"]), "outputs": dict(value["outputs"])}
            return cls(**{**value, **named})
        except OutsideError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SpecError(f"not a spec: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The inverse of `to_json`. Raises SpecError if the text holds no spec."""
        try:
            return cls.from_dict(parse_json(text))
        except ValueError as error:
            raise SpecError(f"not a spec: {error}") from error


def _paths(value: Any) -> str | list[str]:
    """Plain strings: Snakemake's paths are subclasses of str that carry flags."""
    if isinstance(value, str | os.PathLike):
        return _path(value)
    return [_path(item) for item in value]


def _path(value: "str | os.PathLike[str]") -> str:
    """A path as text. Raises OutsideError for one that could lead out of the project, or that no file can have."""
    path = _text(value)
    parts = path.split("/")
    # "" is the first part of an absolute path, and the only one of no path
    if parts[0] == "" or ".." in parts or not path.isprintable():
        raise OutsideError(path)
    return path


def _word(value: str) -> str:
    """A name that can be printed. Raises SpecError for another."""
    if not _text(value).isprintable():
        raise SpecError(f"found {value!a}, expected a name on one line")
    return _text(value)


def _module(value: str) -> str:
    """A dotted name, as `import` takes it: part of the path of a file. Raises SpecError for another."""
    if not all(part.isidentifier() for part in _text(value).split(".")):
        raise SpecError(f"found {value!a}, expected the name of a module")
    return _text(value)


def _text(value: "str | os.PathLike[str]") -> str:
    return str(os.fspath(value))


def _flat(named: Mapping[str, str | list[str]]) -> Iterator[str]:
    for value in named.values():
        if isinstance(value, str):
            yield value
        else:
            yield from value


def spec_path(primary: str) -> Path:
    """Where the guard writes the spec of the job with that primary output, relative to the project's root.

    In a folder of its own: Snakemake lists the folders of its targets' inputs once, and takes a file that is written
    into such a folder later for missing.
    """
    return Path(".snakemake", "spec", primary.lstrip("/"), "spec.json")


def load_spec(path: Path | str) -> Spec:
    """Read a spec file written by the guard. Raises OSError if absent, SpecError if it holds no spec."""
    path = Path(path)
    try:
        return Spec.from_dict(read_json(path)["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError(f"{path}: {error}") from error
