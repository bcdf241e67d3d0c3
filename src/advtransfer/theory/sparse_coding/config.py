"""A scenario of the sparse-coding study: a plain dict of numbers and names, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from advtransfer.theory.errors import InvalidScenario

ACTIVATIONS = ("soft_threshold", "relu", "relu_no_bias")
PERTURBATIONS = ("untrained", "none", "gaussian", "l2")
VARIANTS = MappingProxyType(
    {
        "untrained": "untrained",
        "clean": "none",
        "gaussian": "gaussian",
        "adversarial": "l2",
    }
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Data, network, training and evaluation of one run (lengths in units of an atom of the dictionary)."""

    d: int = 30  # atoms of the dictionary and coordinates of x
    active: float = 3.0  # atoms with a coefficient of +-1 in x, on average before ties go
    noise: float = 0.3  # expected length of the dense noise
    labels: int = 4  # binary labels of the source
    units: int = 120  # hidden units m
    activation: str = "soft_threshold"
    init: float = 0.1  # standard deviation of the initial weights of both layers
    steps: int = 1000  # Adam steps of pre-training
    batch: int = 128  # fresh points per step
    learning_rate: float = 0.02
    eps: float = 0.4  # radius of the perturbation in pre-training
    pgd_steps: int = 2
    variants: Mapping[str, str] = field(default_factory=lambda: VARIANTS)  # name -> one of PERTURBATIONS
    head_points: int = 200  # labelled points of the downstream task
    head_penalty: float = 0.2  # l2 penalty of the logistic head: penalty / 2 |v|^2 + sum of losses
    test_points: int = 300
    attack_eps: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)
    attack_starts: int = 5
    attack_steps: int = 20


REAL = ("active", "noise", "init", "learning_rate", "eps", "head_penalty")


def make_scenario(block: Mapping[str, Any]) -> Scenario:
    """Check a block and return the scenario; raises InvalidScenario with one line otherwise."""
    known = {f.name for f in fields(Scenario)}
    for key in block:
        if key not in known:
            raise InvalidScenario(f"{key}: unknown scenario key, expected one of {', '.join(sorted(known))}")
    scenario = Scenario(**{key: _parse(key, value) for key, value in block.items()})
    _check(scenario)
    return scenario


def _parse(key: str, value: Any) -> Any:
    if key == "activation":
        return value
    if key == "variants":
        if not isinstance(value, Mapping) or not value:
            raise InvalidScenario(f"variants = {value!r}: expected a table of name: perturbation")
        return MappingProxyType(dict(value))
    if key == "attack_eps":
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise InvalidScenario(f"attack_eps = {value!r}: expected a list of numbers")
        return tuple(_number(key, entry) for entry in value)
    number = _number(key, value)
    if key in REAL:
        return number
    if number != int(number):
        raise InvalidScenario(f"{key} = {value!r}: expected an integer")
    return int(number)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidScenario(f"{key} = {value!r}: expected a finite number")
    return float(value)


def _check(s: Scenario) -> None:
    for key in ("d", "labels", "units", "batch", "pgd_steps", "head_points", "test_points"):
        _require(getattr(s, key) >= 1, key, getattr(s, key), "at least 1")
    for key in ("attack_starts", "attack_steps"):
        _require(getattr(s, key) >= 1, key, getattr(s, key), "at least 1")
    for key in ("noise", "init", "steps", "eps"):
        _require(getattr(s, key) >= 0, key, getattr(s, key), "at least 0")
    for key in ("learning_rate", "head_penalty"):
        _require(getattr(s, key) > 0, key, getattr(s, key), "a number above 0")
    _require(0 < s.active <= s.d, "active", s.active, f"a number above 0 and at most d = {s.d}")
    _require(s.activation in ACTIVATIONS, "activation", s.activation, f"one of {', '.join(ACTIVATIONS)}")
    for name, kind in s.variants.items():
        _require(kind in PERTURBATIONS, f"variants.{name}", kind, f"one of {', '.join(PERTURBATIONS)}")
    _require(all(eps > 0 for eps in s.attack_eps), "attack_eps", list(s.attack_eps), "radii above 0")


def _require(condition: bool, key: str, found: object, expected: str) -> None:
    if not condition:
        raise InvalidScenario(f"{key} = {found}: expected {expected}")
