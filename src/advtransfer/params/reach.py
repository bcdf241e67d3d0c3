"""What lies in the space of images: radii, steps and borders that no image of the study has room for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from advtransfer.data.catalogue import CATALOGUE
from advtransfer.params.blocks import Block, Impossible
from advtransfer.params.datasets import Dataset

COLOURS = 3
BYTE = 255  # what 8 bits hold: the unit in which the literature gives radii
SHORTEST, LONGEST = 0.1, 2.5  # all steps together reach a tenth of the radius; one goes 2.5 times as far


def check_reach(name: str, study: Any, datasets: Mapping[str, Dataset]) -> None:
    """Raises Impossible for a key of an image study that asks for more than its images can give.

    Intensities lie in 0..1, so a cube of ``d`` values has the diameter 1 in linf and sqrt(d) in l2.
    """
    if study.kind == "image":
        values, side = CATALOGUE[study.dataset].values, None
    elif study.kind == "natural_image":
        side = datasets[study.source.dataset].resolution
        values = COLOURS * side**2
    else:
        return
    for key, block in _moving(study):
        norm = getattr(block, "norm", "linf")  # what names none moves every pixel by up to eps
        farthest = math.sqrt(values) if norm == "l2" else 1.0
        _check_size(
            f"studies.{name}.{key}.eps", block, farthest, f"the {norm} distance of the farthest images"
        )
        _check_size(f"studies.{name}.{key}.sigma", block, 1.0, "the range of a pixel")
        _check_steps(f"studies.{name}.{key}", block)
    if side is not None:
        _check_augmentation(f"studies.{name}.training.augmentation", study.training.augmentation, side)


def _moving(study: Any) -> Iterator[tuple[str, Block]]:
    """(key, block) of all that moves images."""
    for variant, block in study.variants.items():
        if block.perturbation is not None:
            given = block.perturbation
            kind = next(each for each in type(given).model_fields if getattr(given, each) is not None)
            yield f"variants.{variant}.perturbation.{kind}", getattr(given, kind)
    robust = study.transfer.robust
    if robust is not None:
        at_once = study.kind == "natural_image"
        yield ("transfer.robust", robust) if at_once else ("transfer.robust.attack", robust.attack)


def _check_size(key: str, block: Block, most: float, what: str) -> None:
    size = getattr(block, key.rpartition(".")[2], None)
    if isinstance(size, float | int) and size > most:
        expected = f"at most {most:.4g}, {what} (intensities lie in 0..1)"
        meant = f"; did you mean {size:g}/{BYTE}, which is {size / BYTE:.4g}?" if size / BYTE <= most else ""
        raise Impossible(key, found=f"{size:g}", expected=expected + meant)


def _check_steps(key: str, block: Block) -> None:
    relative, steps = getattr(block, "relative_step", None), getattr(block, "steps", None)
    if relative is None or steps is None:
        return
    if not SHORTEST <= relative <= LONGEST * steps:
        raise Impossible(
            f"{key}.relative_step",
            found=f"{relative:g}",
            expected=f"{SHORTEST:g} to {LONGEST * steps:g} with {steps} steps: a multiple of eps / steps, "
            "not a length in units of intensity",
        )


def _check_augmentation(key: str, augmentation: Any, side: int) -> None:
    """A reflected border is at most the image itself; a square covers at most all of it."""
    if augmentation.padding >= side:
        raise Impossible(
            f"{key}.padding",
            found=str(augmentation.padding),
            expected=f"below {side}, the side of the images",
        )
    if augmentation.cutout >= side:
        raise Impossible(
            f"{key}.cutout", found=str(augmentation.cutout), expected=f"below {side}, the side of the images"
        )
