"""The pages that join the studies: an index with all verdicts, a list of all artifacts, a glossary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from advtransfer.reporting import glossary as words
from advtransfer.reporting import pages, tables
from advtransfer.reporting import seals as sealed
from advtransfer.reporting.sources import Sources, anchors
from advtransfer.reporting.tables import Html

Studies = Mapping[
    str, Mapping[str, Any]
]  # name -> {"title": text or null, "page": path from the index, or null, "apart": true if only a record is here}


def index(
    title: str, studies: Studies, claims: Sequence[Mapping[str, Any]], seals: Sequence[dict[str, Any]]
) -> str:
    """The start page: studies in the order given, each with its claims, whose numbers lead to the seals."""
    rows = sealed.artifacts(seals)
    listed = [
        _study(name, about, [c for c in claims if c["study"] == name], _sources(name, about, rows))
        for name, about in studies.items()
    ]
    return pages.render("index.html.j2", title=title, here="index", studies=menu(studies), listed=listed)


def artifacts(seals: Sequence[dict[str, Any]], studies: Studies) -> str:
    """Every artifact with what made it, where and for how long; versions are listed once per set of them."""
    environments: dict[str, str] = {}
    rows = []
    for seal in seals:
        made = seal["made"]
        packages = ", ".join(
            f"{name} {version}" for name, version in sorted((made.get("packages") or {}).items())
        )
        name = environments.setdefault(packages, f"set {len(environments) + 1}")
        about = {
            "environment": name,
            "device": made.get("device") or "",
            "wall_seconds": made.get("wall_seconds"),
        }
        rows += [{**row, **about} for row in sealed.artifacts([seal])]
    return pages.render(
        "artifacts.html.j2",
        title="Artifacts, seals and timings",
        here="artifacts",
        studies=menu(studies),
        seals=seals,
        rows=rows,
        table=_timed(rows),
        total=sum(seal["made"].get("wall_seconds") or 0.0 for seal in seals),
        environments={name: packages for packages, name in environments.items()},
    )


def glossary(studies: Studies) -> str:
    groups = {
        group: [{"id": e.id, "term": e.term, "meaning": pages.safe(e.meaning)} for e in entries]
        for group, entries in words.groups().items()
    }
    return pages.render(
        "glossary.html.j2", title="Glossary", here="glossary", studies=menu(studies), groups=groups
    )


def studies_script(studies: Studies) -> str:
    """What the pages of single studies and of the audit read for their navigation."""
    return f"window.ADVTRANSFER_STUDIES = {json.dumps(menu(studies), ensure_ascii=False)};\n"


def menu(studies: Studies) -> list[dict[str, str]]:
    """The studies that have a page."""
    return [
        {"name": name, "title": about.get("title") or name, "page": about["page"]}
        for name, about in studies.items()
        if about.get("page")
    ]


def _sources(name: str, about: Mapping[str, Any], rows: Sequence[Mapping[str, str]]) -> Sources:
    """The seals of a study that was published apart stand on its own page."""
    return Sources(name) if about.get("apart") else Sources(name, rows, "artifacts.html")


def _study(
    name: str, about: Mapping[str, Any], claims: list[Mapping[str, Any]], sources: Sources
) -> dict[str, Any]:
    counts = {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in tables.SIGNS}
    table = tables.claims(claims, sources) if claims else "<p>No claims about this study.</p>"
    return {
        "name": name,
        "title": about.get("title") or name,
        "page": about.get("page"),
        "apart": about.get("apart", False),
        "counts": {verdict: count for verdict, count in counts.items() if count},
        "claims": pages.safe(table),
    }


def _timed(rows: Sequence[Mapping[str, Any]]) -> Html:
    """The table of artifacts with device, time and set of versions."""
    header = ["artifact", "rule", "seal", "device", "wall time", "versions"]
    cells = [
        (
            f"<code>{escape(row['path'])}</code>",
            escape(row["rule"]),
            tables.digest(row["seal"]),
            escape(row["device"]),
            "" if row["wall_seconds"] is None else f"{row['wall_seconds']:.1f} s",
            row["environment"],
        )
        for row in rows
    ]
    return tables.table(header, cells, name="artifacts", ids=anchors(rows))
