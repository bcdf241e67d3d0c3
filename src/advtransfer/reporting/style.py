"""How variants look in every figure: colours for the colour-blind, markers and dashes for grey print."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# While it builds its font cache, matplotlib warns on stderr: in a notebook that would be an output.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

RC: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
    "svg.hashsalt": "advtransfer",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Look:
    """Colour (Okabe and Ito 2008), marker and dash pattern of one variant."""

    colour: str
    marker: str
    dash: str | tuple[int, tuple[int, ...]]


# In the order in which variants are listed: what is pre-trained, then the references.
LOOKS = {
    "clean": Look("#000000", "o", "-"),
    "pseudo-label": Look("#0072B2", "s", "--"),
    "adversarial-l2": Look("#E69F00", "^", "-."),
    "adversarial-linf": Look("#D55E00", "v", ":"),
    "combined-l2": Look("#009E73", "D", "-"),
    "combined-linf": Look("#CC79A7", "P", "--"),
    "clean-tuned": Look("#555555", "h", "-."),
    "gaussian": Look("#56B4E9", "X", ":"),
    "oracle": Look("#8A6D00", "*", "-"),
    "untrained": Look("#777777", "<", "--"),
    "raw": Look("#999999", ">", ":"),
}
_SPARE = [Look(*parts) for parts in zip(
    ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    ("d", "p", "8", "H", "*", "X", "<"),
    ((0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (5, 5)), (0, (3, 5, 1, 5)), (0, (1, 4)), (0, (8, 2))),
    strict=True,
)]  # fmt: skip


def in_order(variants: Iterable[str]) -> list[str]:
    """Known variants in the order of ``LOOKS``, then a user's own by name."""
    known = list(LOOKS)
    return sorted(set(variants), key=lambda v: (known.index(v) if v in LOOKS else len(known), v))


def looks(variants: Iterable[str]) -> dict[str, Look]:
    """The look of each variant; a user's own variants take spare ones in turn."""
    spare = cycle(_SPARE)
    return {name: LOOKS[name] if name in LOOKS else next(spare) for name in in_order(variants)}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's defaults and ours, and nothing of a user's matplotlibrc: it must not change the bytes.

    Also a decorator. Many settings are read when something is drawn, so all drawing belongs inside.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


@styled()
def svg(figure: Figure, *, transparent: bool = False, description: str = "") -> str:
    """The figure as SVG text; equal figures give equal bytes (no date, no random ids).

    ``description`` is for machines: it stands in the metadata.
    """
    buffer = io.StringIO()
    engine = figure.get_layout_engine()
    if engine is not None:  # laid out once: a second pass would move everything by a hair
        engine.execute(figure)
        figure.set_layout_engine("none")
    about = {"Date": None, "Creator": None} | ({"Description": description} if description else {})
    figure.savefig(buffer, format="svg", metadata=about, transparent=transparent)
    return buffer.getvalue()


def image(figure: Figure, alt: str) -> str:
    """The figure, on whatever the page has behind it, as an HTML image; ``alt`` says in words what it shows."""
    data = base64.b64encode(svg(figure, transparent=True).encode()).decode()
    return f'<img class="figure" alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'
