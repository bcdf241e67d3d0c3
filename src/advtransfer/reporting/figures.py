"""The figures of a report: each a function from estimates to a Figure.

Estimates are what ``statistics.means`` or ``paired_differences`` give, for one protocol and one metric. The
figures draw on a bare ``Figure``, without pyplot: no global state, no display.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from advtransfer.reporting.style import in_order, looks, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.2  # inches: fits a printed page


@styled()
def accuracy_by_shots(means: pd.DataFrame, ylabel: str = "target accuracy") -> Figure:
    """Lines with confidence bands against the shots, one panel per target."""
    targets = sorted(means["target"].unique())
    shots = sorted(means["shots"].unique())
    figure, grid = _panels(1, len(targets), height=3.9)
    for target, axes in zip(targets, grid[0], strict=True):
        rows = means[means["target"] == target]
        _lines(axes, rows, shots)
        axes.set_xlabel("labelled target images per class")
        axes.set_title(target if len(targets) > 1 else "")
    grid[0][0].set_ylabel(ylabel)
    last = means.sort_values(["shots", "mean"], ascending=False)
    lines = dict(zip(*reversed(grid[0][0].get_legend_handles_labels()), strict=True))
    # The highest line first, as the eye meets them at the right of the panel.
    names = [name for name in dict.fromkeys(last["variant"]) if name in lines]
    figure.legend([lines[name] for name in names], names, loc="outside right center", handlelength=3.6)
    return figure


@styled()
def differences(estimates: pd.DataFrame, baseline: str = "clean") -> Figure:
    """Forest plot of paired differences to ``baseline``: a panel per number of shots, a row per variant."""
    figure = _forest(estimates, f"accuracy minus {baseline}, paired (filled: interval without 0)", zero=True)
    for axes in figure.axes:
        axes.axvline(0.0, color="black", linewidth=1.0)
    return figure


@styled()
def levels(means: pd.DataFrame, reference: str = "clean", xlabel: str = "target accuracy") -> Figure:
    """Mean and interval of each variant, one panel per number of shots; a dashed line marks ``reference``."""
    figure = _forest(means, f"{xlabel} (dashed: {reference})", zero=False)
    keys = [(target, shots) for target in _targets(means) for shots in _shots(means)]
    for (target, shots), axes in zip(keys, figure.axes, strict=True):
        here = means[
            (means["variant"] == reference) & (means["target"] == target) & (means["shots"] == shots)
        ]
        for level in here["mean"]:
            axes.axvline(level, color="black", linewidth=1.0, linestyle="--", zorder=1)
    return figure


def shots_label(shots: int) -> str:
    """How the tables and figures name a number of labelled images per class."""
    return "all" if shots == 0 else f"{shots} shot{'s' if shots > 1 else ''}"


def _forest(estimates: pd.DataFrame, xlabel: str, zero: bool) -> Figure:
    variants = in_order(estimates["variant"])
    targets, shots = _targets(estimates), _shots(estimates)
    height = 0.9 + len(targets) * (0.35 + 0.27 * len(variants))
    # Differences share one scale; levels rise with the shots, and a common scale would hide their intervals.
    figure, grid = _panels(len(targets), len(shots), height, share="all" if zero else "none")
    for target, line in zip(targets, grid, strict=True):
        for k, axes in zip(shots, line, strict=True):
            rows = estimates[(estimates["target"] == target) & (estimates["shots"] == k)]
            _dots(axes, rows, variants, zero)
            axes.set_title(" \u00b7 ".join([target] * (len(targets) > 1) + [shots_label(k)]))
    figure.supxlabel(xlabel, fontsize="medium")
    return figure


def _lines(axes: Axes, rows: pd.DataFrame, shots: Sequence[int]) -> None:
    place = {k: i for i, k in enumerate(sorted(shots, key=lambda k: (k == 0, k)))}
    for name, look in looks(rows["variant"]).items():
        line = rows[rows["variant"] == name].assign(x=lambda r: r["shots"].map(place)).sort_values("x")
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.dash}
        axes.plot(line["x"], line["mean"], label=name, markeredgecolor="white", markeredgewidth=0.3, **style)
        axes.fill_between(line["x"], line["low"], line["high"], color=look.colour, alpha=0.15, linewidth=0)
    axes.set_xticks(list(place.values()), ["all" if k == 0 else str(k) for k in place])


def _dots(axes: Axes, rows: pd.DataFrame, variants: Sequence[str], hollow_at_zero: bool) -> None:
    seen = looks(variants)
    for row in rows.to_dict("records"):
        look, y = seen[row["variant"]], variants.index(row["variant"])
        hollow = hollow_at_zero and not (row["low"] > 0 or row["high"] < 0)
        face = "white" if hollow else look.colour
        axes.plot([row["low"], row["high"]], [y, y], color=look.colour, zorder=2)
        axes.plot(row["mean"], y, look.marker, color=look.colour, markerfacecolor=face, zorder=3)
    axes.set_yticks(range(len(variants)), variants)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="y", visible=False)


def _panels(
    rows: int, columns: int, height: float, share: Literal["all", "none"] = "all"
) -> tuple[Figure, list[list[Axes]]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    grid = figure.subplots(rows, columns, sharex=share, sharey=True, squeeze=False)
    return figure, grid.tolist()


def _targets(estimates: pd.DataFrame) -> list[str]:
    return sorted(estimates["target"].unique())


def _shots(estimates: pd.DataFrame) -> list[int]:
    return sorted(estimates["shots"].unique(), key=lambda k: (k == 0, k))
