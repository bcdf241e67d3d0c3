"""Findings of a check, ``thing: reason`` each: those of one cause together."""

from __future__ import annotations

from collections.abc import Iterable


def grouped(findings: Iterable[str]) -> list[tuple[str, list[str]]]:
    """(reason, the findings that have it), the most frequent reason first."""
    alike: dict[str, list[str]] = {}
    for finding in findings:
        alike.setdefault(finding.partition(": ")[2] or finding, []).append(finding)
    return sorted(alike.items(), key=lambda group: -len(group[1]))


def thing(finding: str) -> str:
    """What a finding is about."""
    return finding.partition(": ")[0]
