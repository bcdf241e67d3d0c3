"""The figures of the theory studies: rates, scenarios, alignment of hidden units, robustness against eps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from advtransfer.reporting.style import Look, in_order, looks, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.2  # inches: fits a printed page
BINS = 40
EDGES = [k / BINS for k in range(BINS + 1)]


@styled()
def rates(rows: pd.DataFrame, ylabel: str) -> Figure:
    """One log-log panel per scenario and swept parameter: means with intervals, fitted line, slope of the theory.

    ``rows`` are those of the rates table, at most one per variant in each panel. Lines are the fitted power laws,
    whose slopes the titles give with interval and, after a slash, the slope of the theory; dotted grey lines have
    that slope and go through the middle of the points.
    """
    panels = list(rows.groupby(["scenario", "parameter"], sort=True))
    figure, axes = _grid(len(panels), columns=3, height=2.35)
    known = looks(rows["variant"])
    for ((scenario, parameter), group), place in zip(panels, axes, strict=True):
        lines: list[Any] = sorted(group.to_dict("records"), key=lambda r: r["variant"])
        for row in lines:
            _power_law(place, row, known[row["variant"]])
        _log_axes(place, group["values"].iloc[0])
        place.set_title(
            "\n".join([f"{scenario}, over {parameter}", *map(fitted, lines)]),
            fontsize="x-small",
            loc="right",
        )
        place.set_xlabel(str(parameter))
    figure.supylabel(ylabel, fontsize="medium")
    _legend(figure, known, line=False)
    return figure


@styled()
def scenarios(means: pd.DataFrame, xlabel: str) -> Figure:
    """Mean and interval of every variant, a panel per scenario on one scale."""
    targets, variants = sorted(means["target"].unique()), in_order(means["variant"])
    figure, axes = _grid(len(targets), columns=len(targets), height=1.2 + 0.24 * len(variants), sharey=True)
    known = looks(variants)
    for target, place in zip(targets, axes, strict=True):
        for row in means[means["target"] == target].to_dict("records"):
            look, y = known[row["variant"]], variants.index(row["variant"])
            place.plot([row["low"], row["high"]], [y, y], color=look.colour)
            place.plot(row["mean"], y, look.marker, color=look.colour)
        place.set_title("\n".join(target.split("-", 1)), fontsize="small")
        place.set_xlim(-0.06, 1.06)
        place.set_ylim(len(variants) - 0.5, -0.5)
        place.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(variants)), variants)
    figure.supxlabel(xlabel, fontsize="medium")
    return figure


@styled()
def alignment(units: pd.DataFrame) -> Figure:
    """Histograms of how far hidden units have picked one atom, weighted by importance; a panel per scenario."""
    names = sorted(units["scenario"].unique())
    figure, axes = _grid(len(names), columns=len(names), height=2.9, sharey=True)
    known = looks(units["variant"])
    for name, place in zip(names, axes, strict=True):
        for variant, look in known.items():
            rows = units[(units["scenario"] == name) & (units["variant"] == variant)]
            heights = _shares(rows["alignment"], rows["importance"])
            style: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "linewidth": 1.4}
            place.stairs(heights, EDGES, label=variant, **style)
        place.set_title(name)
        place.set_xlim(0, 1)
    axes[0].set_ylabel("share of the importance")
    figure.supxlabel("largest |cos| of a hidden unit with an atom of the dictionary", fontsize="medium")
    _legend(figure, known, marker=False)
    return figure


def histogram(units: pd.DataFrame) -> pd.DataFrame:
    """What ``alignment`` draws: target, variant, the bin's ends and its share of the importance."""
    import pandas as pd

    rows = [
        (scenario, variant, low, high, share)
        for (scenario, variant), group in units.groupby(["scenario", "variant"], sort=True)
        for low, high, share in zip(
            EDGES, EDGES[1:], _shares(group["alignment"], group["importance"]), strict=False
        )
    ]
    return pd.DataFrame(rows, columns=["target", "variant", "low", "high", "share"])


@styled()
def robustness(means: pd.DataFrame) -> Figure:
    """Accuracy of the clean head against the radius of the attack (columns target, variant, eps, mean, low, high)."""
    names = sorted(means["target"].unique())
    figure, axes = _grid(len(names), columns=len(names), height=3.0, sharey=True)
    known = looks(means["variant"])
    for name, place in zip(names, axes, strict=True):
        for variant, look in known.items():
            line = means[(means["target"] == name) & (means["variant"] == variant)].sort_values("eps")
            style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.dash}
            place.plot(line["eps"], line["mean"], **style)
            place.fill_between(
                line["eps"], line["low"], line["high"], color=look.colour, alpha=0.15, linewidth=0
            )
        place.set_title(name)
        place.set_ylim(0, 1.02)
    axes[0].set_ylabel("downstream accuracy")
    figure.supxlabel("radius of the l2 attack (0: no attack)", fontsize="medium")
    _legend(figure, known)
    return figure


def fitted(row: Mapping[str, Any]) -> str:
    """Variant, fitted slope with its interval and, after a slash, the slope of the theory."""
    theory = "" if math.isnan(row["leading"]) else f" / {round(row['leading'], 2) + 0.0:.2f}"
    numbers = f"{row['slope']:.3f} [{row['slope_low']:.3f}, {row['slope_high']:.3f}]{theory}"
    return f"{row['variant']}: {numbers.replace('-', '−')}"


def middle(values: Sequence[float]) -> float:
    """Geometric mean: where a line fitted on log axes goes through the mean of the points."""
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def _power_law(axes: Axes, row: Mapping[str, Any], look: Look) -> None:
    x, y = list(row["values"]), list(row["means"])
    centre, level = middle(x), middle(y)
    ends = [min(x), max(x)]

    def line(slope: float) -> list[float]:
        return [level * (end / centre) ** slope for end in ends]

    if not math.isnan(row["leading"]):
        axes.plot(ends, line(row["leading"]), color="#888888", linestyle=":", linewidth=1.2, zorder=1)
    axes.plot(ends, line(row["slope"]), color=look.colour, linewidth=1.1, zorder=2)
    below = [m - low for m, low in zip(y, row["lows"], strict=True)]
    above = [high - m for m, high in zip(y, row["highs"], strict=True)]
    style: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": "none",
        "markersize": 4,
    }
    axes.errorbar(x, y, yerr=[below, above], elinewidth=1.0, zorder=3, **style)


def _log_axes(axes: Axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(values), [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _shares(values: pd.Series, weights: pd.Series) -> list[float]:
    import numpy as np

    found, _ = np.histogram(values, bins=BINS, range=(0.0, 1.0), weights=weights)
    return [round(float(share), 9) for share in found / max(float(weights.sum()), 1e-12)]


def _legend(figure: Figure, known: Mapping[str, Look], *, marker: bool = True, line: bool = True) -> None:
    from matplotlib.lines import Line2D

    lines = []
    for look in known.values():
        style: dict[str, Any] = {
            "marker": look.marker if marker else "",
            "linestyle": look.dash if line else "",
        }
        lines.append(Line2D([], [], color=look.colour, **style))
    figure.legend(lines, list(known), loc="outside upper center", ncols=min(len(known), 4), handlelength=3.2)


def _grid(count: int, *, columns: int, height: float, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """``count`` panels in rows of ``columns``, each row ``height`` inches; what is left of the last row is empty."""
    from matplotlib.figure import Figure

    lines = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * lines + 0.4))
    places = list(_flat(figure.subplots(lines, columns, sharey=sharey, squeeze=False)))
    for empty in places[count:]:
        empty.set_axis_off()
    return figure, places[:count]


def _flat(grid: Any) -> Iterator[Axes]:
    for line in grid.tolist():
        yield from line
