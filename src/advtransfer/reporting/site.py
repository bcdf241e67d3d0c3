"""The pages that join the studies: an index with all verdicts, and a list of all artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advtransfer.reporting import seals as sealed
from advtransfer.reporting import tables
from advtransfer.reporting.templates import TEMPLATES


def index(title: str, studies: Mapping[str, Mapping[str, Any]], claims: Sequence[Mapping[str, Any]]) -> str:
    """The start page: studies in the order given, each with its claims."""
    listed = [
        _study(name, about, [c for c in claims if c["study"] == name]) for name, about in studies.items()
    ]
    return _render("index.html.j2", title=title, studies=listed)


def artifacts(seals: Sequence[dict[str, Any]]) -> str:
    """Every artifact with what made it, where and for how long; versions are listed once per set of them."""
    environments: dict[str, str] = {}
    rows = []
    for seal in seals:
        made = seal["made"]
        packages = ", ".join(
            f"{name} {version}" for name, version in sorted(made.get("packages", {}).items())
        )
        name = environments.setdefault(packages, f"set {len(environments) + 1}")
        about = {
            "environment": name,
            "device": made.get("device") or "",
            "wall_seconds": made.get("wall_seconds"),
        }
        rows += [{**row, **about} for row in sealed.artifacts([seal])]
    return _render(
        "artifacts.html.j2",
        title="Artifacts, seals and timings",
        seals=seals,
        rows=rows,
        total=sum(seal["made"].get("wall_seconds") or 0.0 for seal in seals),
        environments={name: packages for packages, name in environments.items()},
    )


def _study(name: str, about: Mapping[str, Any], claims: list[Mapping[str, Any]]) -> dict[str, Any]:
    counts = {verdict: sum(claim["verdict"] == verdict for claim in claims) for verdict in tables.SIGNS}
    return {
        "name": name,
        "title": about.get("title") or name,
        "page": about.get("page"),
        "counts": {verdict: count for verdict, count in counts.items() if count},
        "claims": _safe(tables.claims(claims) if claims else "<p>No claims about this study.</p>"),
    }


def _render(template: str, **values: Any) -> str:
    from jinja2 import DictLoader, Environment, StrictUndefined

    environment = Environment(loader=DictLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["badge"] = lambda verdict: _safe(tables.badge(verdict))
    environment.filters["seconds"] = lambda value: "" if value is None else f"{value:.1f} s"
    return environment.get_template(template).render(**values)


def _safe(html: str) -> Any:
    from markupsafe import Markup

    return Markup(html)
