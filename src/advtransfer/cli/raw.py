"""Whether raw images are still those that were prepared: told by `advtransfer run`, Snakemake and `advtransfer why`.

They are no declared input, since they may lie on a disk that few machines have: what is found never makes an artifact
stale, it is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advtransfer.cli.images import PREPARED, sealed_images
from advtransfer.data.natural.place import data_folder
from advtransfer.data.natural.raw_files import difference, raw_state
from advtransfer.provenance.explain import Node
from advtransfer.provenance.seal import Seal

UNCHANGED, CHANGED, UNCHECKED = "unchanged", "changed", "unchecked"
AGAIN = "snakemake --workflow-profile workflow/profiles/default --forcerun ingest -- {path}"


@dataclass(frozen=True)
class RawImages:
    """``state`` of the raw images of a data set (unchanged, changed or unchecked), and one line that says so."""

    dataset: str
    state: str
    text: str


def raw_images(root: Path, dataset: str) -> RawImages | None:
    """Compares the raw images with what the seal of the prepared ones tells; None if nothing is sealed."""
    seal = sealed_images(root, dataset)
    return None if seal is None else _compared(root, dataset, seal)


def raw_of(root: Path, lineage: Node | None) -> Iterator[RawImages]:
    """Of every image set that an artifact was made from."""
    if lineage is None:
        return
    if lineage.seal and lineage.seal.spec.rule == "ingest":
        yield _compared(root, lineage.seal.spec.wildcards["dataset"], lineage.seal)
    for node in lineage.inputs:
        yield from raw_of(root, node)


def _compared(root: Path, dataset: str, seal: Seal) -> RawImages:
    def told(state: str, text: str) -> RawImages:
        return RawImages(dataset, state, f"datasets.{dataset}: {text}")

    folder, before = root / data_folder(), seal.made.get("raw")
    unchecked = "it could not be checked whether they have changed since they were prepared"
    if not isinstance(before, dict):
        return told(UNCHECKED, f"its seal tells nothing of the raw images: {unchecked}")
    try:
        now = raw_state(seal.spec.params, folder)
        found = difference(before, now) if now else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return told(UNCHECKED, f"the raw images cannot be looked at ({error}): {unchecked}")
    if now is None:
        return told(UNCHECKED, f"the raw images are not below {folder}: {unchecked}")
    if found is None:
        return told(
            UNCHANGED, f"the raw images are as they were when they were prepared ({now['files']} files)"
        )
    again = AGAIN.format(path=PREPARED / f"{dataset}.parquet")
    return told(
        CHANGED,
        f"the raw images below {folder} have changed since they were prepared ({found}); everything rests on what they "
        f"were. To prepare them again: {again}",
    )
