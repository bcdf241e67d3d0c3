"""A scenario of the linear transfer model: a plain dict of numbers, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from advtransfer.theory.errors import InvalidScenario


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Sizes, signals and perturbation radii of one simulation (all lengths in units of x).

    An adversarial radius is `eps_* + eps_*_noise * unit`, where unit is the size of pure noise in a task mean
    of N points: rho sqrt(p / N) for l2 and rho sqrt(2 log p / N) for linf; N is n, or n + n_u with
    pseudo-labels.
    """

    p: int  # dimension of x
    r: int  # dimension of the shared representation
    T: int  # number of source tasks
    n: int  # labelled points per source task
    n_u: int = 0  # unlabelled points per source task
    n_target: int = 20  # labelled points of the target task
    signals: tuple[float, ...] = field(default=(2.0,))  # levels of |a_t|, the strongest first
    shares: tuple[float, ...] = field(default=(1.0,))  # share of the source tasks at each level
    target_signal: float = 2.0  # |a| of the target task
    support: int = 0  # rows of B that are not zero; 0: all of them
    rho: float = 1.0  # standard deviation of the noise in each coordinate
    eps_l2: float = 0.0
    eps_l2_noise: float = 0.0
    eps_l2_pseudo: float | None = None  # replaces eps_l2 on pseudo-labelled means
    eps_linf: float = 0.0
    eps_linf_noise: float = 0.0
    eps_linf_pseudo: float | None = None  # replaces eps_linf on pseudo-labelled means

    @property
    def n_pseudo(self) -> int:
        """Points behind a pseudo-labelled mean."""
        return self.n + self.n_u

    def levels(self) -> np.ndarray:
        """|a_t| per source task, float64 [T]; counts are shares of T by largest remainder."""
        exact = np.asarray(self.shares) * self.T
        counts = np.floor(exact + 1e-9).astype(int)
        order = np.argsort(counts - exact, kind="stable")
        counts[order[: self.T - counts.sum()]] += 1
        return np.repeat(np.asarray(self.signals), counts)

    def radius_l2(self, *, pseudo: bool = False) -> float:
        """Radius of the l2 perturbation."""
        points = self.n_pseudo if pseudo else self.n
        base = self.eps_l2_pseudo if pseudo and self.eps_l2_pseudo is not None else self.eps_l2
        return base + self.eps_l2_noise * self.rho * math.sqrt(self.p / points)

    def radius_linf(self, *, pseudo: bool = False) -> float:
        """Radius of the linf perturbation."""
        points = self.n_pseudo if pseudo else self.n
        base = self.eps_linf_pseudo if pseudo and self.eps_linf_pseudo is not None else self.eps_linf
        return base + self.eps_linf_noise * self.rho * math.sqrt(2 * math.log(self.p) / points)


INTEGERS = ("p", "r", "T", "n", "n_u", "n_target", "support")
LISTS = ("signals", "shares")


def make_scenario(block: Mapping[str, Any]) -> Scenario:
    """Check a block of numbers and return the scenario; raises InvalidScenario with one line otherwise."""
    known = {f.name for f in fields(Scenario)}
    for key in block:
        if key not in known:
            raise InvalidScenario(f"{key}: unknown scenario key, expected one of {', '.join(sorted(known))}")
    for key in ("p", "r", "T", "n"):
        if key not in block:
            raise InvalidScenario(f"{key}: missing, expected an integer")
    scenario = Scenario(**{key: _parse(key, value) for key, value in block.items()})
    _check(scenario)
    return scenario


def vary(scenario: Scenario, parameter: str, value: Any) -> Scenario:
    """The scenario with one parameter changed; `signal` is the strongest source level."""
    block: dict[str, Any] = {f.name: getattr(scenario, f.name) for f in fields(scenario)}
    if parameter == "signal":
        parameter, value = "signals", (value, *scenario.signals[1:])
    return make_scenario({**block, parameter: value})


def only_strong(scenario: Scenario) -> Scenario:
    """The homogeneous scenario that keeps the tasks of the first level and drops the others."""
    strong = int((scenario.levels() == scenario.signals[0]).sum())
    return replace(scenario, T=strong, signals=scenario.signals[:1], shares=(1.0,))


def _parse(key: str, value: Any) -> Any:
    if key in LISTS:
        if isinstance(value, str) or not isinstance(value, Sequence) or not len(value):
            raise InvalidScenario(f"{key} = {value!r}: expected a list of numbers")
        return tuple(_number(key, entry) for entry in value)
    if value is None and key.endswith("_pseudo"):
        return None
    number = _number(key, value)
    if key not in INTEGERS:
        return number
    if number != int(number):
        raise InvalidScenario(f"{key} = {value!r}: expected an integer")
    return int(number)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise InvalidScenario(f"{key} = {value!r}: expected a finite number")
    return float(value)


def _check(s: Scenario) -> None:
    for key in ("p", "r", "T", "n", "n_target"):
        _require(getattr(s, key) >= 1, key, getattr(s, key), "at least 1")
    for key in ("n_u", "support", "rho", "target_signal", "eps_l2_noise", "eps_linf_noise"):
        _require(getattr(s, key) >= 0, key, getattr(s, key), "at least 0")
    for key in ("eps_l2", "eps_linf", "eps_l2_pseudo", "eps_linf_pseudo"):
        _require((getattr(s, key) or 0.0) >= 0, key, getattr(s, key), "at least 0")
    _require(s.r <= s.p, "r", s.r, f"at most p = {s.p}")
    _require(s.r <= s.T, "T", s.T, f"at least r = {s.r}")
    _require(s.support <= s.p, "support", s.support, f"at most p = {s.p}")
    _require(s.support == 0 or s.support >= s.r, "support", s.support, f"0 (dense) or at least r = {s.r}")
    _require(min(s.signals) >= 0, "signals", list(s.signals), "levels of at least 0")
    descending = sorted(s.signals, reverse=True) == list(s.signals)
    _require(descending, "signals", list(s.signals), "the strongest level first")
    _require(len(s.signals) == len(s.shares), "shares", list(s.shares), "one share per level of signals")
    _require(min(s.shares) >= 0, "shares", list(s.shares), "shares of at least 0")
    _require(abs(sum(s.shares) - 1) < 1e-9, "shares", list(s.shares), "a sum of 1")


def _require(condition: bool, key: str, found: object, expected: str) -> None:
    if not condition:
        raise InvalidScenario(f"{key} = {found}: expected {expected}")
