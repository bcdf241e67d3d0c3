"""Links from a number to the seals of the files that it was computed from.

A page that lists its artifacts has an anchor for every seal (``anchor``); there the links stay in the page. Without
scripts they lead to that row; with them, pointing at a number shows the row beside it (``page_script``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

NONE = "–"  # stands where there is no number
DIGITS = 12  # of a seal: enough to tell it, short enough to read


@dataclass(frozen=True)
class Sources:
    """The sealed files of one study: rows of ``seals.artifacts``.

    ``page`` is the page that lists them, or "" for the one that the links stand on.
    """

    study: str
    rows: Sequence[Mapping[str, str]] = ()
    page: str = ""

    def verdicts(self) -> list[Mapping[str, str]]:
        """The file that judges the claims."""
        return self.under(f"results/claims/{self.study}.json")

    def collected(self) -> list[Mapping[str, str]]:
        """The table of all measurements."""
        return [
            row
            for phase in ("transfer", "theory")
            for row in self.under(f"results/{phase}/{self.study}/metrics.parquet")
        ]

    def measured(self, target: str, *variants: str) -> list[Mapping[str, str]]:
        """The measurements of some variants (all, if none is named) on a target, or of a simulated scenario."""
        folder = f"results/transfer/{self.study}/{target}/"
        found = [
            row
            for variant in variants or ("",)
            for row in self.under(f"{folder}{variant}/" if variant else folder)
        ]
        return found or self.under(f"results/theory/{self.study}/{target}/metrics.parquet")

    def features(self, target: str) -> list[Mapping[str, str]]:
        """What the features of all representations are like on a target."""
        found = self.under(f"results/transfer/{self.study}/{target}/")
        return [row for row in found if row["path"].endswith(".measures.parquet")]

    def fitted(self, scenario: str) -> list[Mapping[str, str]]:
        """The fitted rates of a simulated scenario."""
        return self.under(f"results/theory/{self.study}/{scenario}/rates.parquet")

    def under(self, prefix: str) -> list[Mapping[str, str]]:
        """The files whose path begins so."""
        return [row for row in self.rows if row["path"].startswith(prefix)]

    def traced(self, text: str, rows: Iterable[Mapping[str, str]]) -> str:
        """``text`` (HTML) as a link to the seals of ``rows``; as it is where there are none, or no number (a dash)."""
        chosen = list({row["seal"]: row for row in rows}.values())
        if not chosen or text in ("", NONE):
            return text
        short = [row["seal"][:DIGITS] for row in chosen]
        several = f' data-seals="{" ".join(short)}"' if len(short) > 1 else ""
        told = f' title="{escape("; ".join(map(_told, chosen)))}"' if self.page else ""
        return f'<a class="n" href="{self.page}#{anchor(chosen[0])}"{several}{told}>{text}</a>'


NOWHERE = Sources("")


def anchor(row: Mapping[str, str]) -> str:
    """The id of the first row of a seal in a table of artifacts."""
    return f"s-{row['seal'][:DIGITS]}"


def anchors(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """An id for every row: that of its seal for the first row of the seal, "" for its others."""
    seen: set[str] = set()
    found = []
    for row in rows:
        found.append("" if row["seal"] in seen else anchor(row))
        seen.add(row["seal"])
    return found


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['path']}, rule {row['rule']}, seal {row['seal'][:DIGITS]}"
