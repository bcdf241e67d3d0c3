"""The picture of a README: accuracy against shots as SVG that holds, for machines, the numbers that it shows.

So a picture can be judged by its numbers where its bytes are those of another Matplotlib. The numbers stand in its
metadata; that the lines are drawn from them is checked on the lines' coordinates, whatever the layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import quote

from advtransfer.evaluation.published import DIGITS
from advtransfer.reporting.figures import accuracy_by_shots
from advtransfer.reporting.style import svg

if TYPE_CHECKING:
    import pandas as pd

KEY, VALUES = ["target", "variant", "shots"], ["mean", "low", "high"]
_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)
_LINE = re.compile(r'<g id="(line/[^"]*)">\s*<path d="([^"]*)"')
_POINT = re.compile(r"[ML]\s*(-?[\d.]+)\s+(-?[\d.]+)")
# Largest distance of a drawn point from where its number belongs, in points of 1/72 inch: SVG has six digits.
_NEAR = 0.01


def numbers(means: pd.DataFrame) -> pd.DataFrame:
    """The columns of ``statistics.means`` that a picture shows, to the digits that are published."""
    return means[[*KEY, *VALUES]].round(DIGITS).sort_values(KEY).reset_index(drop=True)


def draw(shown: pd.DataFrame) -> str:
    """SVG of what ``numbers`` gives."""
    figure = accuracy_by_shots(shown)
    for target, axes in zip(sorted(shown["target"].unique()), figure.axes, strict=True):
        for line in axes.lines:
            line.set_gid(_name(target, str(line.get_label())))
    return svg(figure, description=json.dumps(shown.to_dict("split", index=False)))


def read(picture: str) -> pd.DataFrame | None:
    """The numbers that a picture holds; None for one that holds none, or others than ``numbers`` gives."""
    import pandas as pd

    found = _DESCRIPTION.search(picture)
    try:
        content = json.loads(unescape(found.group(1))) if found else {}
        shown = pd.DataFrame(content["data"], columns=content["columns"])
        return shown.astype({"target": str, "variant": str, "shots": int, **dict.fromkeys(VALUES, float)})
    except (KeyError, TypeError, ValueError, AssertionError):
        return None


def follows(picture: str, shown: pd.DataFrame) -> bool:
    """Whether the lines of a picture are drawn from these numbers, whatever Matplotlib laid them out."""
    lines = {
        name: [(float(x), float(y)) for x, y in _POINT.findall(path)] for name, path in _LINE.findall(picture)
    }
    names = {_name(*key) for key in zip(shown["target"], shown["variant"], strict=True)}
    panels = [rows for _, rows in shown.groupby("target")]
    return names == lines.keys() and all(_affine(_pairs(rows, lines)) for rows in panels)


def _name(target: str, variant: str) -> str:
    """The id of a line."""
    return f"line/{quote(target, '')}/{quote(variant, '')}"


def _pairs(
    rows: pd.DataFrame, lines: Mapping[str, list[tuple[float, float]]]
) -> list[tuple[float, float]] | None:
    """(number, its drawn height) of every point of a panel; None where a line has other points than numbers."""
    pairs: list[tuple[float, float]] = []
    columns: dict[int, float] = {}
    for (target, variant), line in rows.groupby(["target", "variant"]):
        ordered = line.sort_values("shots", key=lambda shots: shots.where(shots > 0, float("inf")))
        points = lines[_name(str(target), str(variant))]
        if len(points) != len(ordered):
            return None
        for (x, y), shots, mean in zip(points, ordered["shots"], ordered["mean"], strict=True):
            if abs(columns.setdefault(shots, x) - x) > _NEAR:
                return None
            pairs.append((mean, y))
    return pairs


def _affine(pairs: list[tuple[float, float]] | None) -> bool:
    """Whether heights are one falling straight function of the numbers: a panel's axis."""
    if not pairs:
        return False
    (low, bottom), (high, top) = min(pairs), max(pairs)
    slope = (top - bottom) / (high - low) if high > low else 0.0
    near = _NEAR + abs(slope) * 10**-DIGITS
    return (slope < 0 or high == low) and all(
        abs(bottom + slope * (value - low) - y) <= near for value, y in pairs
    )
