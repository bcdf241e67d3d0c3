"""A figure as a page shows it: SVG with words, its data to download, and the same as an interactive plot."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from advtransfer.reporting import plots, style
from advtransfer.reporting.plots import Panel
from advtransfer.reporting.tables import Html

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def exhibit(
    figure: Figure,
    alt: str,
    data: pd.DataFrame,
    name: str,
    *,
    panels: Sequence[Panel] = (),
    measured: str = "",
) -> Html:
    """``alt`` says in words what the figure shows, ``data`` holds what was drawn, ``name`` names its file.

    ``measured`` (HTML) tells where the data come from. Without scripts the SVG stands alone; ``panels`` replace it on a
    screen, not in print.
    """
    plot = (
        f'<script type="application/json" class="panels">{plots.to_json(panels)}</script>' if panels else ""
    )
    source = f" · {measured}" if measured else ""
    return Html(
        f'<figure data-name="{escape(name)}"><div class="scroll" tabindex="0" role="group" '
        f'aria-label="Figure: {escape(name)}">{style.image(figure, alt)}</div>{plot}'
        f"<figcaption>{data_link(data, name)}{source}</figcaption></figure>"
    )


def data_link(data: pd.DataFrame, name: str) -> str:
    """A link that holds the table as CSV, with all digits."""
    content = base64.b64encode(data.to_csv(index=False, lineterminator="\n").encode()).decode()
    return f'<a download="{escape(name)}.csv" href="data:text/csv;base64,{content}">data (CSV)</a>'
