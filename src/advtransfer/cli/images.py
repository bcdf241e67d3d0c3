"""Raw images: what a study needs, what is missing, and ``advtransfer fetch``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advtransfer.data.natural.place import VARIABLE, data_folder
from advtransfer.params import Params, ParamsError
from advtransfer.params.blocks import Impossible
from advtransfer.params.counts import check_counts
from advtransfer.params.datasets import Dataset
from advtransfer.params.natural import NaturalStudy
from advtransfer.provenance.seal import Seal, SealError, read_seal, seal_path

PREPARED = Path("data/prepared/images")


def refuse_missing(root: Path, params: Params, studies: Iterable[str]) -> None:
    """Raises ParamsError for images that were never prepared though these studies need them, and lie nowhere or are no
    classes.

    A set that was prepared, or pulled with DVC, is not looked for: its raw images may be on another machine. Of folders
    and tables the names and labels are looked at; the job that prepares them does that, too, and of torchvision's sets.
    """
    for study in studies:
        wanted = params.studies[study]
        for name in wanted.datasets if isinstance(wanted, NaturalStudy) else []:
            block = params.datasets[name]
            prepared = PREPARED / f"{name}.parquet"
            if (root / prepared).exists() or (root / seal_path(prepared)).exists():
                continue
            place = root / data_folder() / block.place
            if not place.exists():
                raise ParamsError(f"datasets.{name}: {place} does not exist; {_mend(name, block)}")
            if not block.torchvision:
                _refuse_odd(root / data_folder(), name, block)


def refuse_too_few(root: Path, params: Params, name: str) -> None:
    """Raises ParamsError for a study that asks for more than is in its image sets, as far as these are prepared.

    What a set holds is told by the seal of the job that prepared it; one that was made by other params is to be
    prepared anew, and is not judged.
    """
    study = params.studies[name]
    if not isinstance(study, NaturalStudy):
        return
    told = {dataset: _counted(root, params, dataset) for dataset in study.datasets}
    of_class = {dataset: counts.get("of_class", {}) for dataset, counts in told.items()}
    unlabelled = {dataset: counts.get("unlabelled", 0) for dataset, counts in told.items()}
    try:
        check_counts(study, of_class, unlabelled)
    except Impossible as problem:
        raise ParamsError(f"params.yaml: studies.{name}.{problem.key}: {problem}") from None


def _counted(root: Path, params: Params, dataset: str) -> dict[str, Any]:
    """What `made` says, which nothing vouches for: without counts that can be read, there are none."""
    seal = sealed_images(root, dataset)
    if seal is None or seal.spec.params != params.datasets[dataset].prepare():
        return {}
    counts = seal.made.get("counts")
    of_class = counts.get("of_class") if isinstance(counts, dict) else None
    splits = of_class.values() if isinstance(of_class, dict) else [None]
    if not all(isinstance(split, dict) and all(type(n) is int for n in split.values()) for split in splits):
        return {}
    return dict(counts) if isinstance(counts, dict) else {}


def sealed_images(root: Path, dataset: str) -> Seal | None:
    """The seal of a prepared set; None if there is none that can be believed."""
    try:
        return read_seal(root / seal_path(PREPARED / f"{dataset}.parquet"))
    except SealError:
        return None


def fetch_images(params: Params, names: list[str]) -> list[dict[str, str]]:
    """Downloads sets of ``datasets`` in params.yaml that torchvision knows; all of them if none is named.

    Returns name, torchvision's name and folder of each, downloaded now or before.

    Raises:
        ParamsError: a name is unknown or its images cannot be downloaded; nothing has been downloaded.
        ValueError: as ``advtransfer.data.natural.fetch.fetch``.
    """
    from advtransfer.data.natural.fetch import fetch

    able = [name for name, block in params.datasets.items() if block.torchvision]
    for name in names:
        if name not in able:
            known = ", ".join(able) or "there is none"
            raise ParamsError(f"fetch: found {name!r}, expected a torchvision set of `datasets` ({known})")
    if not able:
        raise ParamsError("fetch: no set of `datasets` in params.yaml is one of torchvision's; nothing to do")
    folder = data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    fetched = []
    for name in names or able:
        block = params.datasets[name].torchvision
        assert block is not None
        place = fetch(block.name, folder, splits=tuple(block.splits), options=block.options)
        fetched.append({"name": name, "torchvision": block.name, "folder": str(place)})
    return fetched


def _refuse_odd(folder: Path, name: str, block: Dataset) -> None:
    from advtransfer.data.natural.sources import open_source

    try:
        open_source(block.prepare(), folder)
    except ValueError as error:
        raise ParamsError(f"datasets.{name}: {error}") from None


def _mend(name: str, block: Dataset) -> str:
    if block.torchvision:
        return f"`advtransfer fetch {name}` downloads it"
    return f"set {VARIABLE} to the folder in which {block.place} lies (data/raw unless set)"
