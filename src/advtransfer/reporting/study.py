"""What the notebook of an image study shows, one method per section."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation import table
from advtransfer.evaluation.statistics import means, paired_differences
from advtransfer.reporting import figures, style, tables, words
from advtransfer.reporting.tables import Html

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BASELINE = "clean"
NOT_MEASURED = Html("<p>Not measured in this study.</p>")


def context(
    params: Mapping[str, Any], artifacts: list[dict[str, str]], versions: dict[str, list[str]]
) -> dict[str, Any]:
    """What ``StudyReport.open`` reads beside metrics and claims: the report's params, and the provenance."""
    return {**params, "artifacts": artifacts, "versions": versions}


@dataclass(frozen=True)
class StudyReport:
    """The measurements, verdicts and provenance of one study."""

    name: str
    rows: pd.DataFrame
    verdicts: list[dict[str, Any]]
    context: dict[str, Any]

    @classmethod
    def open(cls, name: str, *, metrics: str, claims: str, context: str) -> StudyReport:
        """Read the study's part of the files; ``context`` (see there) may be missing.

        Raises ValueError when the metrics hold nothing of the study.
        """
        rows = table.read(Path(metrics))
        chosen = rows[rows["study"] == name]
        if chosen.empty:
            raise ValueError(f"{metrics}: no rows of study {name!r}, found {sorted(rows['study'].unique())}")
        verdicts = [row for row in json.loads(Path(claims).read_text()) if row["study"] == name]
        known = json.loads(Path(context).read_text()) if Path(context).exists() else {}
        return cls(name, chosen, verdicts, known)

    def heading(self) -> Html:
        """Title and the counts of verdicts."""
        counts = {v: sum(row["verdict"] == v for row in self.verdicts) for v in tables.SIGNS}
        told = " ".join(f"{count} {tables.badge(verdict)}" for verdict, count in counts.items() if count)
        title = escape(self.context.get("title", self.name))
        return Html(
            f"<h1>{title}</h1><p>Study <code>{escape(self.name)}</code>. Claims: {told or 'none'}.</p>"
        )

    def description(self) -> Html:
        """The study block of params.yaml, and how much was measured."""
        block = self.context.get("description", {})
        size = f"<p>{self.replicas} paired replicas, {len(self.rows):,} measurements.</p>"
        return Html(size + (tables.description(block) if block else ""))

    def claims(self) -> Html:
        return tables.claims(self.verdicts) if self.verdicts else Html("<p>No claims about this study.</p>")

    def in_words(self, protocol: str) -> Html:
        return words.verdicts(self.verdicts, protocol)

    def accuracy(self, protocol: str) -> Html:
        """Lines with bands against the shots, for the variants that the claims are about."""
        chosen = means(self._rows(protocol, "accuracy", self.claimed))
        if chosen.empty:
            return NOT_MEASURED
        alt = f"Target accuracy against labelled images per class, protocol {protocol}, one line per variant"
        return _shown(figures.accuracy_by_shots(chosen), alt, tables.means(chosen))

    def differences(self, protocol: str) -> Html:
        """Forest plot of every pre-trained variant's paired difference to clean."""
        chosen = paired_differences(self._rows(protocol, "accuracy", self.claimed), BASELINE)
        if chosen.empty:
            return NOT_MEASURED
        alt = f"Paired difference of each variant to {BASELINE}, protocol {protocol}, with intervals"
        return _shown(figures.differences(chosen, BASELINE), alt, tables.means(chosen))

    def robust(self, protocol: str = "linear") -> Html:
        """Accuracy under attack of the heads of every variant."""
        chosen = means(self._rows(protocol, "robust_accuracy", None))
        if chosen.empty:
            return NOT_MEASURED
        alt = "Accuracy of each variant's heads under attack, with intervals"
        return _shown(figures.levels(chosen, BASELINE, "robust target accuracy"), alt, tables.means(chosen))

    def baselines(self, protocol: str = "linear") -> Html:
        """All variants, claimed ones and references, side by side."""
        chosen = means(self._rows(protocol, "accuracy", None))
        if chosen.empty:
            return NOT_MEASURED
        alt = "Target accuracy of all variants and baselines, with intervals"
        return _shown(figures.levels(chosen, BASELINE), alt, tables.means(chosen))

    def caveats(self) -> Html:
        images = self.context.get("description", {}).get("images")
        same = f"the same {images:,} images" if isinstance(images, int) else "the same images"
        return Html(
            f"<ul><li>The {self.replicas} replicas re-split {same}: the intervals hold for this data set. "
            "They say how far a result would move with another split and seed, not with other data.</li>"
            "<li>Replicas are paired across variants, so a difference is known better than the two levels it "
            "is taken from: bands that overlap do not mean that two variants cannot be told apart.</li>"
            "<li>Robust accuracy is an upper bound: a stronger attack can only lower it.</li></ul>"
        )

    def artifacts(self) -> Html:
        rows = self.context.get("artifacts", [])
        return tables.artifacts(rows) if rows else Html("<p>No seals given.</p>")

    def versions(self) -> Html:
        return tables.versions(self.context.get("versions", {}))

    @property
    def replicas(self) -> int:
        return int(self.rows["replica"].nunique())

    @property
    def claimed(self) -> set[str]:
        """The variants that C1, C2, ... compare (the others are baselines); all where nothing is claimed."""
        pairs = [c for row in self.verdicts if words.is_family(row["claim"]) for c in row["comparisons"]]
        return {name for pair in pairs for name in (pair["variant"], pair["over"])} or set(
            self.rows["variant"]
        )

    def _rows(self, protocol: str, metric: str, variants: set[str] | None) -> pd.DataFrame:
        keep = (self.rows["protocol"] == protocol) & (self.rows["metric"] == metric)
        return self.rows[keep & self.rows["variant"].isin(variants)] if variants else self.rows[keep]


def _shown(figure: Figure, alt: str, numbers: Html) -> Html:
    table_below = f"<details><summary>the numbers</summary>{numbers}</details>"
    return Html(f"<figure>{style.image(figure, alt)}</figure>{table_below}")
