"""HTML tables and sentences of a report, from plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from advtransfer.reporting.figures import shots_label
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


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return Html(f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>")


def badge(verdict: str) -> str:
    """A verdict with a sign of its own, so that it does not rest on colour."""
    return f'<span class="badge {escape(verdict)}">{SIGNS.get(verdict, "")} {escape(verdict)}</span>'


def claims(rows: Sequence[Mapping[str, Any]]) -> Html:
    """One line per claim: verdict, statement, the decisive difference, its interval and p value."""
    place = "scenario" if all(row["query"]["protocol"] == "theory" for row in rows) else "protocol"
    found = "slope or difference" if any(row.get("rate") for row in rows) else "difference"
    header = ["claim", "verdict", "statement", place, f"{found} [interval]", "p (Holm)", "n"]
    return table(header, [_claim(row) for row in rows])


def means(estimates: pd.DataFrame) -> Html:
    """Variants down, targets and shots across: mean and half-width of the interval."""
    found = estimates.to_dict("records")
    columns = sorted({(r["target"], r["shots"]) for r in found}, key=lambda c: (c[0], c[1] == 0, c[1]))
    several = len({target for target, _ in columns}) > 1
    cells = {(r["variant"], r["target"], r["shots"]): interval_cell(r["mean"], r["high"]) for r in found}
    header = [f"{target}, {shots_label(k)}" if several else shots_label(k) for target, k in columns]
    rows = [
        [escape(name), *(cells.get((name, *column), "") for column in columns)]
        for name in in_order(estimates["variant"])
    ]
    return table(["variant", *header], rows)


def interval_cell(mean: float, high: float) -> str:
    return f"{mean:.3f} ± {high - mean:.3f}"


def difference(row: Mapping[str, Any]) -> str:
    """``+0.042 [+0.039, +0.045]``, with minus signs that line up; a dash where there is no estimate."""
    if row["estimate"] is None:
        return "–"
    if row["ci_low"] is None:
        return f"{row['estimate']:+.3f} [no interval]".replace("-", "−")
    return f"{row['estimate']:+.3f} [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]".replace("-", "−")


def description(block: Mapping[str, Any]) -> Html:
    """A study block of params.yaml: a line a key, a list where a key holds tables (the variants)."""
    return table(["setting", "value"], [(escape(str(key)), _value(value)) for key, value in block.items()])


def artifacts(rows: Sequence[Mapping[str, Any]]) -> Html:
    """Each sealed file: what made it, its seal and the first digits of its hash."""
    header = ["artifact", "rule", "seal", "sha256"]
    return table(
        header,
        [
            (_code(row["path"]), escape(row["rule"]), _digest(row["seal"]), _digest(row["sha256"]))
            for row in rows
        ],
    )


def versions(packages: Mapping[str, Sequence[str]]) -> Html:
    return table(
        ["package", "version"], [(escape(n), escape(", ".join(v))) for n, v in sorted(packages.items())]
    )


def _claim(row: Mapping[str, Any]) -> list[str]:
    return [
        f'<span title="{escape(row["id"])}">{escape(row["claim"])}</span>',
        badge(row["verdict"]),
        f"{escape(row['statement'])}<br><small>{_tested(row)}</small>",
        f'<span class="number">{_where(row["query"])}</span>',
        f'<span class="number">{difference(row)}</span>',
        p_value(row["p_holm"]),
        str(row["n"]),
    ]


def _tested(row: Mapping[str, Any]) -> str:
    """Which pairs were compared, or which slope with which exponent."""
    within = f", within {row['margin']:g}" if row["direction"] == "equal" else ""
    if rate := row.get("rate"):
        exact = "holds the exponent" if rate["exact"] else "excludes the exponent itself"
        exponent = f"{rate['exponent']:g}".replace("-", "−")
        slope = f"slope of {escape(rate['variant'])} over {escape(rate['over'])}"
        return f"{slope}: {exponent} in theory{within}; the interval {exact}"
    several = len(row["comparisons"]) > 1
    compared = "; ".join(_pair(c, several) for c in row["comparisons"])
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
        return "–"
    return "&lt; 0.001" if p < 0.001 else f"{p:.3f}"


def _pair(comparison: Mapping[str, Any], numbers: bool) -> str:
    names = f"{escape(comparison['variant'])} over {escape(comparison['over'])}"
    return f"{names} {difference(comparison)}" if numbers else names


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        if any(isinstance(inner, Mapping) for inner in value.values()):
            entries = [f"<li><b>{escape(str(key))}</b>: {_value(inner)}</li>" for key, inner in value.items()]
            return f"<ul>{''.join(entries)}</ul>"
        return ", ".join(f"{escape(str(key))} {_value(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_value(inner) for inner in value)
    return "none" if value is None else escape(str(value))


def _code(path: str) -> str:
    return f"<code>{escape(path)}</code>"


def _digest(digest: str) -> str:
    """Twelve digits to read, all of them on hovering."""
    return f'<code title="{escape(digest)}">{escape(digest[:12])}</code>'
