"""What a network of a study may be told: nothing that loads weights, and of ours nothing that they do not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from advtransfer.params.blocks import Impossible

TIMM = "timm:"
Value = tuple[Callable[[Any], bool], str]
_NORM: Value = (lambda value: value in ("batch", "group"), "batch or group")
OWN: dict[str, dict[str, Value]] = {
    "small_cnn": {"norm": _NORM},
    "resnet18": {"norm": _NORM},
    "resnet50": {"norm": _NORM},
    "wide_resnet": {
        "norm": _NORM,
        "depth": (lambda value: _whole(value, 10) and value % 6 == 4, "6 n + 4, at least 10"),
        "width": (lambda value: _whole(value, 1), "a whole number, at least 1"),
        "dropout": (
            lambda value: type(value) in (int, float) and 0 <= value < 1,
            "a number in 0..1, below 1",
        ),
    },
}
# Of timm's constructors: what loads weights from a disk or a hub, and what the study says elsewhere.
_LOADING = ("pretrained", "checkpoint", "weights", "cache_dir")
_SAID = ("model_name", "num_classes", "in_chans", "features_only")


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Raises Impossible for an argument that the network does not have, or must not be given."""
    for key, value in arguments.items():
        if key.startswith(_LOADING):
            expected = "none that loads weights: they would come from outside of what the seals record"
            raise Impossible(f"arguments.{key}", found=repr(value), expected=expected)
        if name.startswith(TIMM):
            if key in _SAID:
                expected = "other arguments: the study's data sets give this one"
                raise Impossible(f"arguments.{key}", found=repr(value), expected=expected)
            continue
        known = OWN[name]
        if key not in known:
            expected = f"one of {', '.join(known)}, which {name} has"
            raise Impossible("arguments", found=f"the name {key!r}", expected=expected)
        allowed, words = known[key]
        if not allowed(value):
            raise Impossible(f"arguments.{key}", found=repr(value), expected=words)


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least
