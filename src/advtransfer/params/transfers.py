"""What the kinds of image studies have in common: variants with a teacher, representations judged under protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from advtransfer.params.blocks import Block, Impossible, PseudoLabels

Slice = dict[str, Any]
Protocols = Mapping[str, Mapping[str, Sequence[int]]]
"""protocol -> metric -> shots"""


class Labelled(Protocol):
    """A variant, as far as its labels go."""

    @property
    def labels(self) -> str: ...


def dump(block: Block) -> Slice:
    """A block as its jobs read it."""
    return block.model_dump(mode="json", exclude_none=True)


def replicas_of(block: str) -> list[int]:
    """The replicas of a block's name, such as ``r000-039``."""
    first, last = block.removeprefix("r").split("-")
    return list(range(int(first), int(last) + 1))


def check_teacher(variants: Mapping[str, Labelled], pseudo_labels: PseudoLabels | None) -> None:
    """Raises Impossible for pupils without a teacher, or a teacher that is a pupil."""
    pupils = [name for name, variant in variants.items() if variant.labels == "pseudo"]
    if pseudo_labels is None:
        if pupils:
            needed = f"a teacher, because the variant {pupils[0]} learns from pseudo-labels"
            raise Impossible("pseudo_labels", found="nothing", expected=needed)
        return
    able = [name for name, variant in variants.items() if variant.labels == "labelled"]
    if pseudo_labels.teacher not in able:
        expected = f"a variant with labels: labelled ({', '.join(able) or 'there is none'})"
        raise Impossible("pseudo_labels.teacher", found=repr(pseudo_labels.teacher), expected=expected)


def check_names(targets: Collection[str], variants: Collection[str], baselines: Sequence[str]) -> None:
    """Raises Impossible for names that mean something else already."""
    if "claims" in targets:
        raise Impossible("targets.claims", found="a key of results/summary.json", expected="another name")
    for name in baselines:
        if name in variants:
            raise Impossible(f"variants.{name}", found="the name of a baseline", expected="another name")


def measured(
    targets: Collection[str],
    representations: Sequence[str],
    protocols: Protocols,
    holds: Callable[[str, str], bool] = lambda representation, protocol: True,
) -> dict[str, Any]:
    """What a study's metrics will hold, for the check of the claims; ``holds``: of (representation, protocol)."""
    return {
        "target": list(targets),
        "variant": list(representations),
        "protocol": list(protocols),
        "metric": sorted({metric for metrics in protocols.values() for metric in metrics}),
        "shots": sorted({k for metrics in protocols.values() for shots in metrics.values() for k in shots}),
        "rate": [],
        "measurement": [
            f"{representation}: {protocol} {metric} at {shots} shots"
            for representation in representations
            for protocol, metrics in protocols.items()
            for metric, counts in metrics.items()
            for shots in counts
            if holds(representation, protocol)
        ],
    }
