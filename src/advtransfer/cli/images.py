"""Raw images: what a study needs, what is missing, and ``advtransfer fetch``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from advtransfer.data.natural.place import VARIABLE, data_folder
from advtransfer.params import Params, ParamsError
from advtransfer.params.datasets import Dataset
from advtransfer.params.natural import NaturalStudy
from advtransfer.provenance.seal import seal_path


def refuse_missing(root: Path, params: Params, studies: Iterable[str]) -> None:
    """Raises ParamsError for a set of images that these studies need, that lies nowhere and was never prepared.

    A set that was prepared, or pulled with DVC, is not looked for: its raw images may be on another machine.
    """
    for study in studies:
        wanted = params.studies[study]
        for name in wanted.datasets if isinstance(wanted, NaturalStudy) else []:
            block = params.datasets[name]
            prepared = Path("data/prepared/images") / f"{name}.parquet"
            if (root / prepared).exists() or (root / seal_path(prepared)).exists():
                continue
            place = root / data_folder() / block.place
            if not place.exists():
                raise ParamsError(f"datasets.{name}: {place} does not exist; {_mend(name, block)}")


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


def _mend(name: str, block: Dataset) -> str:
    if block.torchvision:
        return f"`advtransfer fetch {name}` downloads it"
    return f"set {VARIABLE} to the folder in which {block.place} lies (data/raw unless set)"
