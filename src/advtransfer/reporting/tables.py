"""HTML tables and sentences of a report, from plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from advtransfer.reporting.figures import shots_label
from advtransfer.reporting.sources import NONE, NOWHERE, Sources, anchors
from advtransfer.reporting.style import in_order

if TYPE_CHECKING:
    import pandas as pd

SIGNS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}


class Html(str):
    """HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:  # the plain-text form that a notebook stores beside the HTML
        return "<HTML>"


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, name: str = "", ids: Sequence[str] = ()
) -> Html:
    """A table of cells that are HTML already; ``name`` names its CSV, ``ids`` are those of the rows ("": none).

    It scrolls by itself where it is wider than the screen.
    """
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in header)
    lines = [list(row) for row in rows]
    marks = [f' id="{mark}"' if mark else "" for mark in ids] or [""] * len(lines)
    body = "\n".join(
        f"<tr{mark}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for mark, row in zip(marks, lines, strict=True)
    )
    told = escape(name or ", ".join(filter(None, header)))
    named = f' data-name="{escape(name)}"' if name else ""
    return Html(
        f'<div class="table" tabindex="0" role="group" aria-label="Table: {told}"><table{named}>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def badge(verdict: str, count: int | None = None) -> str:
    """A verdict, or how often there is one, with a sign and a border of its own: it does not rest on colour."""
    told = verdict if count is None else f"{count} {verdict}"
    return f'<span class="badge {escape(verdict)}">{SIGNS.get(verdict, "")} {escape(told)}</span>'


def claims(rows: Sequence[Mapping[str, Any]], sources: Sources = NOWHERE) -> Html:
    """One line per claim: verdict, statement, the decisive difference, its interval and p value."""
    place = "scenario" if all(row["query"]["protocol"] == "theory" for row in rows) else "protocol"
    found = "slope or difference" if any(row.get("rate") for row in rows) else "difference"
    header = ["claim", "verdict", "statement", place, f"{found} [interval]", "p (Holm)", "n"]
    return table(header, [_claim(row, sources) for row in rows], name="claims")


def means(estimates: pd.DataFrame, sources: Sources = NOWHERE, *, baseline: str = "") -> Html:
    """Variants down, targets and shots across: mean and half-width of the interval.

    ``baseline`` is the variant that the estimates are differences to: they rest on its measurements too.
    """
    found = estimates.to_dict("records")
    columns = sorted({(r["target"], r["shots"]) for r in found}, key=lambda c: (c[0], c[1] == 0, c[1]))
    several = len({target for target, _ in columns}) > 1
    cells = {}
    for r in found:
        measured = sources.measured(r["target"], r["variant"], *filter(None, [baseline]))
        text = sources.traced(interval_cell(r["mean"], r["high"]), measured)
        cells[r["variant"], r["target"], r["shots"]] = text
    header = [f"{target}, {shots_label(k)}" if several else shots_label(k) for target, k in columns]
    rows = [
        [escape(name), *(cells.get((name, *column), "") for column in columns)]
        for name in in_order(estimates["variant"])
    ]
    return table(["variant", *header], rows, name="means")


def interval_cell(mean: float, high: float) -> str:
    return f"{mean:.3f} ± {high - mean:.3f}"


def difference(row: Mapping[str, Any]) -> str:
    """``+0.042 [+0.039, +0.045]``, with minus signs that line up; a dash where there is no estimate."""
    if row["estimate"] is None:
        return NONE
    if row["ci_low"] is None:
        return f"{row['estimate']:+.3f} [no interval]".replace("-", "−")
    return f"{row['estimate']:+.3f} [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]".replace("-", "−")


def description(block: Mapping[str, Any]) -> Html:
    """A study block of params.yaml: a line a key, a list where a key holds tables (the variants)."""
    return table(
        ["setting", "value"],
        [(escape(str(key)), _value(value)) for key, value in block.items()],
        name="settings",
    )


def artifacts(rows: Sequence[Mapping[str, Any]]) -> Html:
    """Each sealed file: what made it, its seal and the first digits of its hash."""
    header = ["artifact", "rule", "seal", "sha256"]
    return table(
        header,
        [
            (_code(row["path"]), escape(row["rule"]), digest(row["seal"]), digest(row["sha256"]))
            for row in rows
        ],
        name="artifacts",
        ids=anchors(rows),
    )


def versions(packages: Mapping[str, Sequence[str]]) -> Html:
    return table(
        ["package", "version"],
        [(escape(n), escape(", ".join(v))) for n, v in sorted(packages.items())],
        name="versions",
    )


def _claim(row: Mapping[str, Any], sources: Sources) -> list[str]:
    judged = sources.verdicts()
    return [
        f'<span title="{escape(row["id"])}">{escape(row["claim"])}</span>',
        badge(row["verdict"]),
        f'<div class="statement">{escape(row["statement"])}<br><small>{_tested(row, sources)}</small></div>',
        f'<span class="number">{_where(row["query"])}</span>',
        f'<span class="number">{sources.traced(difference(row), judged)}</span>',
        sources.traced(p_value(row["p_holm"]), judged),
        sources.traced(str(row["n"]), judged),
    ]


def _tested(row: Mapping[str, Any], sources: Sources) -> str:
    """Which pairs were compared, or which slope with which exponent."""
    within = f", within {row['margin']:g}" if row["direction"] == "equal" else ""
    if rate := row.get("rate"):
        exact = "holds the exponent" if rate["exact"] else "excludes the exponent itself"
        exponent = f"{rate['exponent']:g}".replace("-", "−")
        slope = f"slope of {escape(rate['variant'])} over {escape(rate['over'])}"
        return f"{slope}: {exponent} in theory{within}; the interval {exact}"
    several = len(row["comparisons"]) > 1
    compared = "; ".join(_pair(c, several, sources) for c in row["comparisons"])
    return f"{'weakest of: ' if several else ''}{compared}{within}"


def _where(query: Mapping[str, Any]) -> str:
    """Protocol and shots, or the scenario of a theory; and the metric, unless it is accuracy."""
    theory = query["protocol"] == "theory"
    place = query["target"] or "all scenarios" if theory else query["protocol"]
    shots = "" if theory else f", {shots_label(query['shots'])}"
    metric = query["metric"].replace("_", " ")
    return escape(place) + shots + ("" if metric == "accuracy" else f"<br><small>{escape(metric)}</small>")


def p_value(p: float | None) -> str:
    if p is None:
        return NONE
    return "&lt; 0.001" if p < 0.001 else f"{p:.3f}"


def _pair(comparison: Mapping[str, Any], numbers: bool, sources: Sources) -> str:
    names = f"{escape(comparison['variant'])} over {escape(comparison['over'])}"
    return f"{names} {sources.traced(difference(comparison), sources.verdicts())}" if numbers else names


def _value(value: Any) -> str:
    if isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values()):
        entries = [f"<li><b>{escape(str(key))}</b>: {_inline(inner)}</li>" for key, inner in value.items()]
        return f"<ul>{''.join(entries)}</ul>"
    return _inline(value)


def _inline(value: Any) -> str:
    """A value on one line; keys without a value are left out, what is nested stands in brackets."""
    if isinstance(value, Mapping):
        told = {key: inner for key, inner in value.items() if inner is not None and inner != {}}
        return ", ".join(f"{escape(str(key))} {_nested(inner)}" for key, inner in told.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_inline(inner) for inner in value)
    return "none" if value is None else escape(str(value))


def _nested(value: Any) -> str:
    several = isinstance(value, Mapping | list | tuple) and len(value) > 0
    return f"({_inline(value)})" if several else _inline(value)


def _code(path: str) -> str:
    return f"<code>{escape(path)}</code>"


def digest(value: str) -> str:
    """Twelve digits to read, all of them on hovering."""
    return f'<code title="{escape(value)}">{escape(value[:12])}</code>'
