"""Sentences that follow from the verdicts, so that the text of a report cannot contradict its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from advtransfer.reporting.sources import NOWHERE, Sources
from advtransfer.reporting.tables import Html, difference

PROTOCOLS = {"linear": "with linear heads on frozen features", "finetune": "under full fine-tuning"}


def verdicts(
    claims: Sequence[Mapping[str, Any]], protocol: str, metric: str = "accuracy", sources: Sources = NOWHERE
) -> Html:
    """A sentence per claim family (C1, C2, ...) and per other claim: does it hold under ``protocol``?"""
    chosen = [c for c in claims if c["query"]["protocol"] == protocol and c["query"]["metric"] == metric]
    if not chosen:
        return Html("<p>No claim of this study is about this protocol.</p>")
    families = list(dict.fromkeys(claim["claim"] for claim in chosen if is_family(claim["claim"])))
    lines = [_family(name, [c for c in chosen if c["claim"] == name], protocol, sources) for name in families]
    lines += [_single(claim, sources) for claim in chosen if not is_family(claim["claim"])]
    return Html("<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>")


def is_family(name: str) -> bool:
    """Whether a claim is one of the paper's (C1, C2, ...), not about a baseline or a control."""
    return name.startswith("C") and name[1:].isdigit()


def _family(name: str, claims: list[Mapping[str, Any]], protocol: str, sources: Sources) -> str:
    where = escape(PROTOCOLS.get(protocol, f"under {protocol}"))
    supported = sum(claim["verdict"] == "supported" for claim in claims)
    if supported == len(claims):
        head = f"<b>{escape(name)} is supported {where}</b>"
    elif supported == 0:
        head = f"<b>{escape(name)} is not supported {where}</b>"
    else:
        head = f"<b>{escape(name)} is supported in {supported} of {len(claims)} forms {where}</b>"
    return f"{head}: {'; '.join(_finding(c, sources) for claim in claims for c in _told(claim))}."


def _single(claim: Mapping[str, Any], sources: Sources) -> str:
    findings = "; ".join(_finding(c, sources) for c in _told(claim))
    return f"<b>{escape(claim['statement'])}: {escape(claim['verdict'])}</b>. {findings}."


def _told(claim: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What decides a claim: all comparisons where it holds, else those in which it does not."""
    failing = [c for c in claim["comparisons"] if c["verdict"] != "supported"]
    return failing or list(claim["comparisons"])


def _finding(comparison: Mapping[str, Any], sources: Sources) -> str:
    pair = f"{comparison['variant']} over {comparison['over']}"
    found = sources.traced(difference(comparison), sources.verdicts())
    return f"{escape(pair)} {found} ({escape(comparison['verdict'])})"
