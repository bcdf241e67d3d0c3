"""Are the results of this run the ones we published, and if not, how far off, and may they be?

``Results`` holds what can be published: numbers by their path in a summary, as
``digits/contrast/clean/linear/accuracy/5``, and of every claim (``digits/claims/C1``) its estimate, interval, p value,
replicas and verdict. Published results are compared with those computed anew: a number is identical (to ``DIGITS``),
or moved within its tolerance, or beyond it. A verdict and a count are identical or they are not; a p value may move as
long as it stays on its side of the level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DIGITS = 6
# Numbers are published with so many digits.
ROUNDING = 0.51 * 10**-DIGITS
ENDS = ("ci_low", "ci_high")
CLAIM = ("estimate", *ENDS, "p_holm", "n", "verdict")
# p values are published with six digits that count.
_SAME_P = 1e-5

Value = float | str | None


@dataclass(frozen=True)
class Results:
    """Numbers and claims; ``allowed`` is the tolerance of a number, or of a claim's estimate and interval, by its key.

    ``levels`` holds for each claim the p value below which a difference counts.
    """

    numbers: dict[str, float]
    claims: dict[str, dict[str, Value]]
    allowed: dict[str, float] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)

    def values(self) -> dict[str, Value]:
        """All that can be asked for, by key: the numbers, and the fields of each claim."""
        return {**self.numbers, **fields(self.claims)}


@dataclass(frozen=True)
class Gap:
    """A published value, the one computed anew (None: there is none), and what the number is allowed to move."""

    key: str
    old: Value
    new: Value
    allowed: float = 0.0

    @property
    def size(self) -> float:
        """How far apart two numbers are; infinite for what is not two numbers."""
        if isinstance(self.old, int | float) and isinstance(self.new, int | float):
            distance = abs(self.old - self.new)
            return math.inf if math.isnan(distance) else distance
        return math.inf

    def text(self) -> str:
        """In one line."""
        if self.old is None:
            return f"{self.key}: computed now, not published"
        if self.new is None:
            return f"{self.key}: published as {self.old}, computed by no job now"
        if isinstance(self.old, str) or isinstance(self.new, str):
            return f"{self.key}: published as {self.old}, judged anew {self.new}"
        return f"{self.key}: published as {self.old}, computed anew {self.new}"


@dataclass(frozen=True)
class Comparison:
    """Published results beside those computed anew."""

    identical: int
    moved: dict[str, Gap]
    beyond: dict[str, Gap]

    @property
    def largest(self) -> Gap | None:
        """Of what moved within its tolerance that which comes nearest to it."""
        counted = [gap for gap in self.moved.values() if gap.allowed]
        return max(counted, key=lambda gap: gap.size / gap.allowed, default=None)


def compare(old: Results, new: Results) -> Comparison:
    """``old`` are the published results, ``new`` those computed anew, whose tolerances count.

    Where nothing is published of claims but their estimates (an older release's file), those alone are compared.
    """
    before = old.values()
    after = new.values() if old.claims else new.numbers
    gaps = [_gap(key, before, after, new) for key in sorted({*before, *after})]
    moved = {gap.key: gap for gap in gaps if gap and _within(gap, new)}
    beyond = {gap.key: gap for gap in gaps if gap and gap.key not in moved}
    unlike = {key for key in (*moved, *beyond) if key in old.numbers}
    return Comparison(len(old.numbers) - len(unlike), moved, beyond)


def fields(claims: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """``study/claims/id/ci_low`` and the like -> value; estimates are among the numbers already."""
    return {f"{key}/{name}": claim.get(name) for key, claim in claims.items() for name in CLAIM[1:]}


def claim_key(row: Mapping[str, Any]) -> str:
    """The key of a claim from its row in claims.json."""
    return f"{row['study']}/claims/{row['id']}"


def claim_values(row: Mapping[str, Any]) -> dict[str, Value]:
    """What is published of a claim, from its row in claims.json."""
    ends = {name: None if row[name] is None else round(row[name], DIGITS) for name in ("estimate", *ENDS)}
    return ends | {name: row[name] for name in ("p_holm", "n", "verdict")}


def flatten(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a nested summary by their path, e.g. ``digits/contrast/clean/linear/accuracy/5``."""
    return dict(_walk(summary, ()))


def same(old: Value, new: Value) -> bool:
    """Whether two numbers are one when they are published."""
    if isinstance(old, str) or isinstance(new, str) or old is None or new is None:
        return old == new
    return abs(old - new) <= ROUNDING


def _walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _walk(value, (*path, str(key)))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield "/".join(path), float(node)


def _gap(key: str, before: Mapping[str, Value], after: Mapping[str, Value], new: Results) -> Gap | None:
    old, now = before.get(key), after.get(key)
    if key in before and key in after and _equal(key, old, now):
        return None
    claim, _, name = key.rpartition("/")
    allowed = new.allowed.get(claim if name in ENDS and claim in new.claims else key, 0.0)
    return Gap(key, old, now, allowed)


def _equal(key: str, old: Value, now: Value) -> bool:
    if key.endswith("/p_holm") and isinstance(old, float) and isinstance(now, float):
        return math.isclose(old, now, rel_tol=_SAME_P)
    return same(old, now)


def _within(gap: Gap, new: Results) -> bool:
    claim, _, name = gap.key.rpartition("/")
    if claim in new.claims and name not in ("estimate", *ENDS):
        return name == "p_holm" and _same_side(gap, new.levels.get(claim, 0.0))
    return gap.size <= gap.allowed + ROUNDING


def _same_side(gap: Gap, level: float) -> bool:
    if not isinstance(gap.old, int | float) or not isinstance(gap.new, int | float):
        return False
    return (gap.old < level) == (gap.new < level)
