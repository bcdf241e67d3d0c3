"""What publishing anew changes of what is published, for a person who has to say yes to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from advtransfer.cli.published_file import PublishedFile
from advtransfer.evaluation.published import Gap, compare
from advtransfer.provenance.audit.machine import differences

# Numbers that are shown, those that move most.
_SHOWN = 10


@dataclass(frozen=True)
class Changes:
    """Values that become others, artifacts with other bytes, and in what the machine differs; ``first``: all is new.

    ``count`` is how many numbers are published, the intervals, p values and counts of claims among them.
    """

    first: bool
    gaps: list[Gap]
    count: int
    artifacts: list[str]
    machine: list[str]

    @classmethod
    def of(cls, old: PublishedFile | None, new: PublishedFile) -> Changes:
        """``old`` is what is published (None: nothing is), ``new`` what would be."""
        if old is None:
            return cls(True, [], len(new.results.numbers), sorted(new.sha256), [])
        found = compare(old.results, new.results)
        gaps = sorted([*found.moved.values(), *found.beyond.values()], key=lambda gap: gap.key)
        changed = sorted(
            path for path in {*old.sha256, *new.sha256} if old.sha256.get(path) != new.sha256.get(path)
        )
        paths = [path for path in new.sha256 if path in old.sha256] or list(new.sha256)
        unlike = [
            line
            for path in paths
            for line in differences(new.machine_of(path), old.machine_of(path), there_is="published")
        ]
        count = len(old.results.values()) - len(old.results.claims)
        return cls(False, gaps, count, changed, list(dict.fromkeys(unlike)))

    @property
    def verdicts(self) -> list[Gap]:
        """Claims that get another verdict, or come or go."""
        return [gap for gap in self.gaps if gap.key.endswith("/verdict")]

    @property
    def numbers(self) -> list[Gap]:
        """All other values, those that move most first; what comes or goes before them."""
        others = [gap for gap in self.gaps if not gap.key.endswith("/verdict")]
        return sorted(others, key=lambda gap: -gap.size)

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value: key -> [published, would be]."""
        return {
            "first": self.first,
            "numbers": {gap.key: [gap.old, gap.new] for gap in self.numbers},
            "verdicts": {gap.key: [gap.old, gap.new] for gap in self.verdicts},
            "artifacts": self.artifacts,
            "machine": self.machine,
        }

    def lines(self) -> Iterator[str]:
        """For a person: verdicts one by one, the numbers that move most, artifacts by their count, the machine."""
        if self.first:
            yield f"Nothing is published yet: {self.count} numbers and {len(self.artifacts)} artifacts would be."
            return
        if not self.gaps and not self.artifacts and not self.machine:
            yield "No number, verdict, artifact or machine differs from what is published."
            return
        yield f"{len(self.verdicts)} verdicts would change{':' if self.verdicts else '.'}"
        yield from (f"  {_moved(gap)}" for gap in self.verdicts)
        yield f"{len(self.numbers)} of {self.count} numbers would change{':' if self.numbers else '.'}"
        yield from (f"  {_moved(gap)}" for gap in self.numbers[:_SHOWN])
        if more := len(self.numbers) - _SHOWN:
            yield from [f"  and {more} that move less"] if more > 0 else []
        yield f"{len(self.artifacts)} artifacts would have other bytes."
        yield f"Machine: {'; '.join(self.machine) or 'of the same kind as the published one'}."


def _moved(gap: Gap) -> str:
    if gap.old is None or gap.new is None:
        return f"{gap.key}: {'new, ' + str(gap.new) if gap.old is None else f'gone, was {gap.old}'}"
    by = f" ({float(gap.new) - float(gap.old):+.6g})" if gap.size < float("inf") else ""
    return f"{gap.key}: {gap.old} -> {gap.new}{by}"
