"""Interactive plots as data: panels of lines, which a script draws beside the figure that they repeat.

What is drawn is decided here and tested; ``plot_script`` only draws it. Colours, markers and dashes are those of the
static figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from advtransfer.reporting.style import Look, in_order, looks
from advtransfer.reporting.theory_figures import fitted, middle

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 6  # significant digits of what is drawn; the file of data beside a figure has all of them
DASHES: dict[str, list[int]] = {"-": [], "--": [6, 3], "-.": [7, 3, 2, 3], ":": [2, 3]}
# Marker -> corners (0: a circle), turn in degrees, length of every second radius (1: a polygon, less: a star).
SHAPES: dict[str, tuple[int, int, float]] = {
    "o": (0, 0, 1), "s": (4, 45, 1), "^": (3, 0, 1), "v": (3, 180, 1), "<": (3, 270, 1), ">": (3, 90, 1),
    "D": (4, 0, 1), "d": (4, 0, 0.5), "p": (5, 0, 1), "h": (6, 0, 1), "H": (6, 30, 1), "8": (8, 22, 1),
    "*": (5, 0, 0.45), "P": (4, 0, 0.4), "X": (4, 45, 0.4),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of a panel: ``y`` [points], and ``low`` and ``high`` of its intervals or nothing.

    ``spread`` says how intervals are drawn. A ``quiet`` line is an aid to the eye: no markers, not told on pointing.
    """

    name: str
    y: list[float]
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    spread: Literal["band", "bars"] = "band"
    colour: str = "#888888"
    dash: list[int] = field(default_factory=list)
    shape: tuple[int, int, float] = (0, 0, 1)
    joined: bool = True
    quiet: bool = False


@dataclass(frozen=True)
class Panel:
    """One plot: lines over ``x`` [points], on log axes or not.

    ``ticks`` name the points where x is a list of names; ``notes`` stand below the title.
    """

    title: str
    xlabel: str
    ylabel: str
    x: list[float]
    lines: list[Line]
    ticks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    log: bool = False


def to_json(panels: Sequence[Panel]) -> str:
    """The panels, and the names of their lines in order, for a script element: no ``<``, which could end it."""
    names = in_order(line.name for panel in panels for line in panel.lines if not line.quiet)
    content = {"names": names, "panels": [asdict(panel) for panel in panels]}
    return json.dumps(_rounded(content), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def by_shots(means: pd.DataFrame, ylabel: str = "target accuracy") -> list[Panel]:
    """Accuracy against shots, a panel a target; the points stand at equal distances, all labels last."""
    shots = sorted(means["shots"].unique(), key=lambda k: (k == 0, k))
    ticks = ["all" if k == 0 else str(k) for k in shots]
    place = {k: float(i) for i, k in enumerate(shots)}
    rows = means.assign(x=means["shots"].map(place))
    targets = sorted(rows["target"].unique())
    return [
        Panel(
            target if len(targets) > 1 else "",
            "labelled target images per class",
            ylabel,
            list(place.values()),
            _banded(rows[rows["target"] == target], list(place.values())),
            ticks,
        )
        for target in targets
    ]


def by_radius(means: pd.DataFrame) -> list[Panel]:
    """Accuracy against the radius of the attack (column eps), a panel a target."""
    panels = []
    for target in sorted(means["target"].unique()):
        rows = means[means["target"] == target].rename(columns={"eps": "x"})
        x = sorted(float(value) for value in rows["x"].unique())
        panels.append(Panel(target, "radius of the l2 attack", "downstream accuracy", x, _banded(rows, x)))
    return panels


def of_rates(rows: pd.DataFrame, ylabel: str) -> list[Panel]:
    """Fitted power laws on log axes, a panel a scenario and swept parameter: points, fit, slope of the theory."""
    known = looks(rows["variant"])
    panels = []
    for (scenario, parameter), group in rows.groupby(["scenario", "parameter"], sort=True):
        fits: list[Any] = sorted(group.to_dict("records"), key=lambda row: row["variant"])
        lines = [line for row in fits for line in _power_law(row, known[row["variant"]])]
        x = [float(value) for value in fits[0]["values"]]
        title, notes = f"{scenario}, over {parameter}", [fitted(row) for row in fits]
        panels.append(Panel(title, str(parameter), ylabel, x, lines, notes=notes, log=True))
    return panels


def _banded(rows: pd.DataFrame, x: list[float]) -> list[Line]:
    lines = []
    for name, look in looks(rows["variant"]).items():
        known = rows[rows["variant"] == name].set_index("x")
        at = known.reindex(x)
        found = {key: [float(value) for value in at[key]] for key in ("mean", "low", "high")}
        lines.append(Line(name, found["mean"], found["low"], found["high"], **_look(look)))
    return lines


def _power_law(row: dict[str, Any], look: Look) -> list[Line]:
    x, y = [float(v) for v in row["values"]], [float(v) for v in row["means"]]
    centre, level, name = middle(x), middle(y), row["variant"]

    def through(slope: float) -> list[float]:
        return [level * (value / centre) ** slope for value in x]

    points = Line(
        name,
        y,
        [float(v) for v in row["lows"]],
        [float(v) for v in row["highs"]],
        "bars",
        joined=False,
        **_look(look),
    )
    lines = [Line(name, through(row["slope"]), colour=look.colour, quiet=True), points]
    if not math.isnan(row["leading"]):
        lines.insert(0, Line(name, through(row["leading"]), dash=DASHES[":"], quiet=True))
    return lines


def _look(look: Look) -> dict[str, Any]:
    dash = DASHES[look.dash] if isinstance(look.dash, str) else list(look.dash[1])
    return {"colour": look.colour, "dash": dash, "shape": SHAPES[look.marker]}


def _rounded(value: Any) -> Any:
    """Fewer digits; null for a point that was not measured."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
