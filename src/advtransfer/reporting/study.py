"""What the notebook of an image study shows, one method per section."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation import table
from advtransfer.evaluation.statistics import means, paired_differences
from advtransfer.reporting import figures, plots, seals, tables, words
from advtransfer.reporting.exhibits import exhibit
from advtransfer.reporting.sources import Sources
from advtransfer.reporting.tables import Html

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BASELINE = "clean"
NOT_MEASURED = Html("<p>Not measured in this study.</p>")
BELOW_CHANCE = (
    "An attack can push accuracy below chance, 1 / number of classes: a higher figure is more robust than another, "
    "and no representation here is robust for being above the clean one. See what the baselines keep."
)


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
        """Read the study's part of the files; ``context`` (see there) may be missing, or the seal of the study's page.

        Raises ValueError when the metrics hold nothing of the study.
        """
        rows = table.read(Path(metrics))
        chosen = rows[rows["study"] == name]
        if chosen.empty:
            raise ValueError(f"{metrics}: no rows of study {name!r}, found {sorted(rows['study'].unique())}")
        verdicts = [
            row for row in json.loads(Path(claims).read_text(encoding="utf-8")) if row["study"] == name
        ]
        return cls(name, chosen, verdicts, _known(Path(context)))

    def heading(self) -> Html:
        """Title and the counts of verdicts."""
        counts = {v: sum(row["verdict"] == v for row in self.verdicts) for v in tables.SIGNS}
        told = " ".join(tables.badge(verdict, count) for verdict, count in counts.items() if count)
        title = escape(self.context.get("title", self.name))
        return Html(
            f"<h1>{title}</h1><p>Study <code>{escape(self.name)}</code>. Claims: {told or 'none'}.</p>"
        )

    def description(self) -> Html:
        """The study block of params.yaml, and how much was measured."""
        block = self.context.get("description", {})
        return Html(self.size("paired replicas") + (tables.description(block) if block else ""))

    def claims(self) -> Html:
        return (
            tables.claims(self.verdicts, self.sources)
            if self.verdicts
            else Html("<p>No claims about this study.</p>")
        )

    def in_words(self, protocol: str) -> Html:
        return words.verdicts(self.verdicts, protocol, sources=self.sources)

    def accuracy(self, protocol: str) -> Html:
        """Lines with bands against the shots, for the variants that the claims are about."""
        chosen = means(self._rows(protocol, "accuracy", self.claimed))
        if chosen.empty:
            return NOT_MEASURED
        alt = f"Target accuracy against labelled images per class of each variant, protocol {protocol}"
        name = f"{protocol}-accuracy"
        if chosen["shots"].nunique() == 1:  # nothing to draw a line through
            return self.shown(figures.levels(chosen, BASELINE), alt, chosen, name)
        panels = plots.by_shots(chosen)
        return self.shown(figures.accuracy_by_shots(chosen), alt, chosen, name, panels=panels)

    def differences(self, protocol: str) -> Html:
        """Forest plot of every pre-trained variant's paired difference to clean."""
        chosen = paired_differences(self._rows(protocol, "accuracy", self.claimed), BASELINE)
        if chosen.empty:
            return NOT_MEASURED
        alt = f"Paired difference of each variant to {BASELINE}, protocol {protocol}, with intervals"
        figure, name = figures.differences(chosen, BASELINE), f"{protocol}-differences"
        return self.shown(figure, alt, chosen, name, baseline=BASELINE)

    def robust(self, protocol: str = "linear") -> Html:
        """Accuracy under attack of the heads of every variant."""
        chosen = means(self._rows(protocol, "robust_accuracy", None))
        if chosen.empty:
            return NOT_MEASURED
        alt = "Accuracy of each variant's heads under attack, with intervals"
        figure = figures.levels(chosen, BASELINE, "robust target accuracy")
        return Html(self.attacked() + self.shown(figure, alt, chosen, f"{protocol}-robust-accuracy"))

    def attacked(self) -> Html:
        """With which attack, and what its figures can be held against."""
        robust: dict[str, Any] = self.context.get("description", {}).get("transfer", {}).get("robust", {})
        if not robust:
            return Html("")
        attack = robust["attack"]
        return Html(
            f"<p>PGD of {attack['steps']} steps and {attack['restarts']} starts in the {escape(attack['norm'])} ball "
            f"of radius {attack['eps']:g}; heads of {robust['shots']} labelled images a class. {BELOW_CHANCE}</p>"
        )

    def baselines(self, protocol: str = "linear") -> Html:
        """All variants, claimed ones and references, side by side."""
        chosen = means(self._rows(protocol, "accuracy", None))
        if chosen.empty:
            return NOT_MEASURED
        alt = "Target accuracy of all variants and baselines, with intervals"
        return self.shown(figures.levels(chosen, BASELINE), alt, chosen, f"{protocol}-baselines")

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

    def size(self, repetitions: str) -> str:
        """How much was measured."""
        measured = self.sources.traced(f"{len(self.rows):,} measurements", self.sources.collected())
        return f"<p>{self.replicas} {repetitions}, {measured}.</p>"

    def shown(
        self,
        figure: Figure,
        alt: str,
        estimates: pd.DataFrame,
        name: str,
        *,
        panels: Sequence[plots.Panel] = (),
        baseline: str = "",
    ) -> Html:
        """A figure of estimates with its data, and the numbers below it; differences name their ``baseline``."""
        numbers = tables.means(estimates, self.sources, baseline=baseline)
        below = f'<details class="numbers"><summary>the numbers</summary>{numbers}</details>'
        return Html(self.exhibit(figure, alt, estimates, name, panels=panels, baseline=baseline) + below)

    def exhibit(
        self,
        figure: Figure,
        alt: str,
        data: pd.DataFrame,
        name: str,
        *,
        panels: Sequence[plots.Panel] = (),
        baseline: str = "",
        measured: Sequence[Mapping[str, str]] | None = None,
    ) -> Html:
        """A figure with its data and the jobs behind it: ``measured``, or those of all that is in the data."""
        if measured is None:
            variants = [*sorted(set(data["variant"])), *filter(None, [baseline])]
            targets = sorted(set(data["target"]))
            measured = [row for target in targets for row in self.sources.measured(target, *variants)]
        jobs = len({row["seal"] for row in measured})
        source = f"measured by {jobs} job{'s' if jobs > 1 else ''}"
        told = self.sources.traced(source, measured) if jobs else ""
        return exhibit(figure, alt, data, f"{self.name}-{name}", panels=panels, measured=told)

    @property
    def sources(self) -> Sources:
        """Where the numbers of this page come from."""
        return Sources(self.name, self.context.get("artifacts", ()))

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


def details_of(details: Sequence[str] | str) -> list[Path]:
    """The files of a list, or those that match a pattern relative to the working folder, by name."""
    return sorted(Path().glob(details)) if isinstance(details, str) else [Path(name) for name in details]


def _known(path: Path) -> dict[str, Any]:
    """The context that the page's job wrote; where someone opens the notebook by hand, what the page's seal tells."""
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if "spec" not in content:
        return dict(content)
    root = path.resolve().parents[2]  # of reports/rendered/<study>.html.seal
    named = dict(content["spec"]["inputs"])["seals"]
    found = seals.read(root / name for name in named)
    return context(content["spec"]["params"], seals.artifacts(found), seals.versions(found))
