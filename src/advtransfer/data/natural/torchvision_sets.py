"""Any classification set of torchvision.datasets by name, its splits normalised, never downloaded here."""

from __future__ import annotations

import inspect
import operator
import os
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from advtransfer.data.natural.decode import MAX_BYTES
from advtransfer.data.natural.folder import WHOLE
from advtransfer.data.natural.records import UNLABELLED, Limits, Record, Source, choose
from advtransfer.regular_files import read_bytes, require_regular, why_unreadable

NAMES_OF_SPLIT = {
    "train": ("train", "trainval", "train-standard"),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
"""What the sets call their parts; a part with another name (extra, unlabeled) is asked for by that name."""


class NoSplitError(ValueError):
    """A set without the split that was asked for."""


def torchvision_names() -> tuple[str, ...]:
    """Names of the sets that give one image and one target an item and need nothing but a folder.

    The signature cannot tell a class from a box or a caption: ``torchvision_set`` looks at the targets.
    """
    from torchvision import datasets

    return tuple(sorted(name for name in datasets.__all__ if _is_image_set(getattr(datasets, name))))


def torchvision_class(name: str) -> type:
    """ValueError for a name that torchvision.datasets does not have or that is no set of single images."""
    from torchvision import datasets

    found = getattr(datasets, name, None)
    if not (inspect.isclass(found) and _is_image_set(found)):
        raise ValueError(f"torchvision has no image set {name!r}; it has {', '.join(torchvision_names())}")
    return found


def torchvision_set(
    name: str,
    root: Path,
    splits: Sequence[str] = ("train",),
    *,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
) -> Source:
    """The set ``name`` (CIFAR10, SVHN, DTD, ...) as torchvision finds it below ``root``.

    Args:
        splits: train, val, test, or the set's own names, to be joined; ``all`` for a set without splits.
        options: further arguments of the set (``partition`` of DTD, ``annotation_level`` of FGVCAircraft).

    Raises ValueError, in one line, if the set, a split or the data is missing, lies there packed or as anything but
    regular files, or if the targets are no classes. Nothing is written below ``root``.
    """
    root = root.expanduser()
    _refuse_irregular(root)
    parts = [_Part(open_split(name, root, split, options=options), split, root) for split in splits]
    class_names = parts[0].class_names
    if any(part.class_names != class_names for part in parts):
        raise ValueError(f"{root}: the classes of {name} differ between the splits {', '.join(splits)}")
    rows = sorted((item, i, part) for part, p in enumerate(parts) for i, item in enumerate(p.names))
    labels = np.array([parts[part].labels[i] for _, i, part in rows], dtype=np.int64)
    names = class_names or tuple(str(label) for label in range(int(labels.max(initial=-1)) + 1))
    numbers = np.array([row[2] for row in rows], dtype=np.int64)
    choice = choose(limits or Limits(), labels, numbers, names, root)

    def records() -> Iterator[Record]:
        for position, label in zip(choice.positions, choice.labels, strict=True):
            item, i, part = rows[position]
            yield Record(item, int(label), splits[part], partial(parts[part].read, i))

    return Source(
        place=root,
        description=f"torchvision {name} ({', '.join(splits)})",
        class_names=choice.class_names,
        count=len(choice.positions),
        records=records,
    )


def open_split(
    name: str, root: Path, split: str, *, options: Mapping[str, Any] | None = None, download: bool = False
) -> Any:
    """The torchvision object of one split; it gives paths instead of images where the set allows it."""
    cls = torchvision_class(name)
    accepted = parameters(cls)
    given: dict[str, Any] = dict(options or {})
    if unknown := sorted(set(given) - set(accepted)):
        raise ValueError(f"{name} has no argument {unknown[0]!r}; it has {', '.join(accepted)}")
    if "loader" in accepted:
        given["loader"] = Path
    if "download" in accepted:
        given["download"] = download  # two sets download unless told not to
    problem = ""
    for arguments in _split_arguments(name, accepted, split):
        try:
            with nullcontext() if download else _nothing_unpacked(root):
                return cls(root, **given, **arguments)
        except ValueError as error:
            if "Valid values are" not in str(error):
                raise
            problem = problem or str(error)
        except (RuntimeError, OSError) as error:
            if download:
                raise
            raise ValueError(f"{root}: {name} ({split}) cannot be read: {error}; fetch it first") from error
    raise NoSplitError(f"{name} has no split {split!r}: {problem}")


def _refuse_irregular(root: Path) -> None:
    """torchvision opens what it finds, and would wait for ever at a pipe."""
    for folder, _, names in os.walk(root):
        for name in names:
            file = os.path.join(folder, name)  # noqa: PTH118 (a set may have a million files)
            try:
                require_regular(file)
            except FileNotFoundError:
                continue  # a link to nowhere, if the set needs it, is torchvision's to miss
            except OSError as error:
                raise ValueError(f"{file}: {why_unreadable(error)}, expected a file of the set") from None


@contextmanager
def _nothing_unpacked(root: Path) -> Iterator[None]:
    """Inside, no archive is unpacked: ImageNet would do so where the raw images lie, as soon as it is opened."""

    def refuse(self: tarfile.TarFile | zipfile.ZipFile, *arguments: Any, **options: Any) -> None:
        name = getattr(self, "name", None) or getattr(self, "filename", None)
        raise ValueError(
            f"{root}: holds {name!r} packed; raw images are read and never written: unpack it by hand"
        )

    kinds: tuple[type, ...] = (tarfile.TarFile, zipfile.ZipFile)
    originals = [(kind, kind.extractall) for kind in kinds]  # type: ignore[attr-defined]
    for kind in kinds:
        kind.extractall = refuse  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for kind, original in originals:
            kind.extractall = original  # type: ignore[attr-defined]


def _split_arguments(name: str, accepted: Mapping[str, Any], split: str) -> list[dict[str, Any]]:
    """The ways to ask a constructor for a split, in the order to try them."""
    if "split" in accepted:
        return [{"split": own} for own in NAMES_OF_SPLIT.get(split, (split,))]
    binary = "train" in accepted
    expected = ("train", "test") if binary else (WHOLE,)
    if split not in expected:
        raise NoSplitError(f"{name} has no split {split!r}; it has {' and '.join(expected)}")
    return [{"train": split == "train"} if binary else {}]


def _is_image_set(cls: Any) -> bool:
    if not inspect.isclass(cls):
        return False
    accepted = parameters(cls)
    required = {name for name, parameter in accepted.items() if parameter.default is parameter.empty}
    single = {"root", "transform", "target_transform"} <= set(accepted)
    base_of_all = cls.__name__ == "VisionDataset"
    return single and required <= {"root", "split"} and not base_of_all


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """What a constructor takes, with what it hands on to its bases as keywords."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        own = inspect.signature(base).parameters
        keywords = [p.kind is p.VAR_KEYWORD for p in own.values()]
        found = {n: p for (n, p), more in zip(own.items(), keywords, strict=True) if not more} | found
        if not any(keywords):
            break
    return found


class _Part:
    """One split: names of its items, labels [N], how to read one."""

    def __init__(self, dataset: Any, split: str, root: Path) -> None:
        self.dataset = dataset
        self.labels = _labels(dataset)
        self.class_names = tuple(_class_name(c) for c in getattr(dataset, "classes", ()))
        self.names = [f"{split}/{i:07d}" for i in range(len(dataset))]
        if getattr(dataset, "loader", None) is Path:
            paths = [Path(dataset[i][0]) for i in range(len(dataset))]
            self.names = [f"{split}/{path.relative_to(root).as_posix()}" for path in paths]

    def read(self, i: int) -> bytes | Image:
        """Raises RuntimeError if the item's own target is not the label it was listed with."""
        image, target = self.dataset[i]
        if _label(target, self.dataset) != self.labels[i]:
            raise RuntimeError(f"item {i} has the target {target}, listed as {self.labels[i]}")
        return read_bytes(image, MAX_BYTES) if isinstance(image, Path) else image


def _labels(dataset: Any) -> np.ndarray:
    """[N] int64, from the lists torchvision keeps (``_Part.read`` checks each), else by going through all."""
    for attribute in ("targets", "labels", "_labels"):
        targets = getattr(dataset, attribute, None)
        if targets is not None and len(targets) == len(dataset):
            break
    else:
        targets = _second_of_samples(dataset) or [dataset[i][1] for i in range(len(dataset))]
    return np.array([_label(target, dataset) for target in targets], dtype=np.int64)


def _second_of_samples(dataset: Any) -> list[Any]:
    samples = getattr(dataset, "samples", None) or getattr(dataset, "_samples", None) or ()
    return [sample[1] for sample in samples] if len(samples) == len(dataset) else []


def _label(target: Any, dataset: Any) -> int:
    if target is None:
        return UNLABELLED
    try:
        return operator.index(target)
    except (TypeError, ValueError, RuntimeError):
        kind = type(dataset).__name__
        raise ValueError(
            f"{kind}: a target is {type(target).__name__}, expected the number of a class"
        ) from None


def _class_name(name: Any) -> str:
    """Some sets list several words for a class."""
    return name if isinstance(name, str) else ", ".join(map(str, name))
