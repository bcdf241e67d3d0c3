"""Whether image sets hold what a study asks for: known once they are prepared, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from advtransfer.evaluation.limits import AUTOATTACK_CLASSES
from advtransfer.params.blocks import Impossible
from advtransfer.params.measures import least_images
from advtransfer.params.natural import NaturalStudy
from advtransfer.params.natural_blocks import NaturalTarget

Counts = Mapping[str, Mapping[str, int]]
"""split -> class -> labelled images"""


def check_counts(
    study: NaturalStudy, of_dataset: Mapping[str, Counts], unlabelled: Mapping[str, int] | None = None
) -> None:
    """Raises Impossible, with a key of the study's block, for what the images of its sets are too few for.

    ``of_dataset`` may lack sets: those that are not prepared yet are not judged. ``unlabelled``: images of a set that
    have no label. Test images that the training has seen are left out later, so that a class may yet be without any:
    the job that splits finds out.
    """
    if source := of_dataset.get(study.source.dataset):
        _check_source(study, source, (unlabelled or {}).get(study.source.dataset, 0))
    for name, target in study.targets.items():
        if found := of_dataset.get(target.dataset):
            _check_target(study, f"targets.{name}", target, found)


def _check_source(study: NaturalStudy, counts: Counts, unlabelled: int) -> None:
    asked = study.source
    of_class = _joined(counts, list(counts))
    labelled = {name: round(asked.labelled_fraction * count) for name, count in of_class.items()}
    aside = {name: round(asked.validation_fraction * count) for name, count in labelled.items()}
    for name, count in labelled.items():
        where = f"of the {of_class[name]} images of class {name!a} of {asked.dataset}"
        if not count:
            raise Impossible(
                "source.labelled_fraction",
                found=f"{asked.labelled_fraction}, which labels none {where}",
                expected=_least(1, of_class[name]),
            )
        if aside[name] >= count:
            raise Impossible(
                "source.validation_fraction",
                found=f"{asked.validation_fraction}, which sets all {count} labelled images aside {where}",
                expected=f"less, or more labelled images of it (labelled_fraction: {asked.labelled_fraction})",
            )
    if asked.validation_fraction and not any(aside.values()):
        most = max(labelled.values())
        raise Impossible(
            "source.validation_fraction",
            found=f"{asked.validation_fraction}, which sets no image aside: {asked.dataset} has at most {most} "
            f"labelled images of a class (labelled_fraction: {asked.labelled_fraction})",
            expected=f"0, or {_least(1, most)}" if most > 1 else "0, or a larger labelled_fraction",
        )
    if study.pseudo_labels and not unlabelled and of_class == labelled:
        raise Impossible(
            "source.labelled_fraction",
            found=f"{asked.labelled_fraction}, which leaves no image of {asked.dataset} to pseudo-label",
            expected="less, or no pseudo-labels",
        )


def _check_target(study: NaturalStudy, key: str, asked: NaturalTarget, counts: Counts) -> None:
    for side in ("pool", "test"):
        for split in getattr(asked, side):
            if split not in counts:
                raise Impossible(
                    f"{key}.{side}",
                    found=repr(split),
                    expected=f"splits of {asked.dataset} ({', '.join(counts)})",
                )
    pool, test = _joined(counts, asked.pool), _joined(counts, asked.test)
    for name in [*pool, *test]:
        for side, found in {"pool": pool, "test": test}.items():
            if not found.get(name):
                splits = ", ".join(getattr(asked, side))
                raise Impossible(
                    f"{key}.{side}",
                    found=f"{splits}, where {asked.dataset} has no image of class {name!a}",
                    expected="images of every class on both sides",
                )
    _check_attack(study, asked, len({*pool, *test}))
    aside = {name: round(asked.validation_fraction * count) for name, count in pool.items()}
    _check_aside(key, asked, pool, aside)
    _check_shots(study, asked, {name: count - aside[name] for name, count in pool.items()})
    _check_measures(study, key, asked, aside)


def _check_attack(study: NaturalStudy, asked: NaturalTarget, classes: int) -> None:
    robust = study.transfer.robust
    if robust and robust.attack == "autoattack" and classes < AUTOATTACK_CLASSES:
        raise Impossible(
            "transfer.robust.attack",
            found=f"autoattack, and {asked.dataset} has {classes} classes",
            expected=f"pgd, or targets of at least {AUTOATTACK_CLASSES} classes",
        )


def _check_aside(key: str, asked: NaturalTarget, pool: Mapping[str, int], aside: Mapping[str, int]) -> None:
    for name, count in pool.items():
        if aside[name] >= count:
            raise Impossible(
                f"{key}.validation_fraction",
                found=f"{asked.validation_fraction}, which sets all {count} training images of class {name!a} of "
                f"{asked.dataset} aside",
                expected="less, or more images of it",
            )
    if not any(aside.values()):
        most = max(pool.values())
        raise Impossible(
            f"{key}.validation_fraction",
            found=f"{asked.validation_fraction}, which sets no image aside: {asked.dataset} has at most {most} "
            "training images of a class",
            expected=_least(1, most),
        )


def _check_shots(study: NaturalStudy, asked: NaturalTarget, left: Mapping[str, int]) -> None:
    name = min(left, key=lambda each: left[each])
    for protocol, shots in _shots(study):
        if max(shots) > left[name]:
            raise Impossible(
                f"transfer.{protocol}.shots",
                found=str(max(shots)),
                expected=f"at most {left[name]}: so many training images of class {name!a} of {asked.dataset} are left "
                f"by a validation_fraction of {asked.validation_fraction}",
            )


def _shots(study: NaturalStudy) -> Iterator[tuple[str, Sequence[int]]]:
    yield "linear", study.transfer.linear.shots
    if study.transfer.finetune:
        yield "finetune", study.transfer.finetune.shots


def _check_measures(study: NaturalStudy, key: str, asked: NaturalTarget, aside: Mapping[str, int]) -> None:
    name = min(aside, key=lambda each: aside[each])
    for measure in study.transfer.measures:
        if aside[name] < (least := least_images(measure)):
            raise Impossible(
                "transfer.measures",
                found=f"{measure}, for which {key}.validation_fraction {asked.validation_fraction} sets {aside[name]} "
                f"images of class {name!a} of {asked.dataset} aside",
                expected=f"at least {least} validation images of every class, or no {measure}",
            )


def _joined(counts: Counts, splits: Sequence[str]) -> dict[str, int]:
    """class -> labelled images in these splits together."""
    found: dict[str, int] = {}
    for split in splits:
        for name, count in counts[split].items():
            found[name] = found.get(name, 0) + count
    return found


def _least(wanted: int, count: int) -> str:
    """The least share of ``count`` images that is ``wanted`` of them."""
    return f"at least {math.ceil(1000 * wanted / count) / 1000:g}"
