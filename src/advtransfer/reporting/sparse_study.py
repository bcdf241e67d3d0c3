"""What the notebook of a sparse_coding study shows, one method per section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation import units_table
from advtransfer.evaluation.statistics import means
from advtransfer.reporting import plots, style, tables, theory_figures
from advtransfer.reporting.linear_study import settings
from advtransfer.reporting.sources import Sources
from advtransfer.reporting.study import StudyReport, details_of
from advtransfer.reporting.tables import Html

if TYPE_CHECKING:
    import pandas as pd

ROBUST, ONE_START = "robust_accuracy_l2_", "robust_one_start_l2_"
MASKED = 0.1  # more accuracy under one start than under all would hint at gradient masking
COLUMNS = {
    "purity_max_cos": "max |cos|",
    "purity_cos2": "share of cos^2",
    "source_accuracy": "source accuracy",
    "downstream_accuracy": "downstream accuracy",
}


@dataclass(frozen=True)
class SparseReport(StudyReport):
    """The measurements, hidden units, verdicts and provenance of one study."""

    units: pd.DataFrame | None = None

    @classmethod
    def load(
        cls, name: str, *, metrics: str, claims: str, context: str, details: Sequence[str] | str
    ) -> SparseReport:
        """Read the study's part of the files; ``details`` are its units tables, or a pattern that they match.

        Raises ValueError when the metrics hold nothing of the study.
        """
        base = StudyReport.open(name, metrics=metrics, claims=claims, context=context)
        return cls(base.name, base.rows, base.verdicts, base.context, units_table.read(details_of(details)))

    def description(self) -> Html:
        """How much was simulated, and every scenario."""
        return Html(self.size("paired replicas") + settings(self.context.get("description", {})))

    def purity(self) -> Html:
        """Purity and accuracies of every scenario and variant; importance-weighted over units."""
        found = means(self.rows[self.rows["metric"].isin(list(COLUMNS))])
        return _table(found, COLUMNS, self.sources)

    def alignment(self) -> Html:
        """Histograms of the alignment of hidden units."""
        if self.units is None:
            return Html("<p>No hidden units given.</p>")
        alt = "Histograms of the largest cosine of each hidden unit with an atom, a panel per activation"
        figure, shares = theory_figures.alignment(self.units), theory_figures.histogram(self.units)
        return self.exhibit(figure, alt, shares, "alignment")

    def robustness(self) -> Html:
        """Curves of downstream accuracy over the radius of the attack, and their numbers."""
        found = means(self.rows[self._starts(ROBUST) | (self.rows["metric"] == "downstream_accuracy")])
        found = found.assign(eps=[_radius(metric) for metric in found["metric"]])
        alt = "Downstream accuracy of the clean head against the radius of the l2 attack, a line per variant"
        columns = {m: f"l2 {_radius(m):g}" for m in sorted(set(found["metric"]), key=_radius) if _radius(m)}
        figure, panels = theory_figures.robustness(found), plots.by_radius(found)
        shown = self.exhibit(figure, alt, found, "robustness", panels=panels)
        return Html(shown + _table(found, columns, self.sources))

    def masking(self) -> Html:
        """What one start misses of what all find, and points without gradient, in one sentence."""
        one = self.rows[self._starts(ONE_START)]
        every = self.rows[self._starts(ROBUST)]
        gap = (
            means(one.assign(metric=one["metric"].str.replace(ONE_START, ROBUST)))["mean"]
            - means(every)["mean"]
        )
        flat = means(self.rows[self.rows["metric"] == "zero_gradient_share"])["mean"].max()
        clear = gap.max() < MASKED and flat < 0.01
        measured = [
            row for name in sorted(self.rows["target"].unique()) for row in self.sources.measured(name)
        ]
        told = [self.sources.traced(f"{number:.3f}", measured) for number in (gap.max(), gap.mean())]
        without = self.sources.traced(f"{100 * flat:.1f} %", measured)
        verdict = "No sign of gradient masking" if clear else "<b>The attack may be masked</b>"
        return Html(
            f"<p>{verdict}: a single start leaves at most {told[0]} more accuracy than all starts together (mean over "
            f"variants and radii {told[1]}), and at most {without} of the points have no gradient.</p>"
        )

    def weaker(self) -> Html:
        """In words, for every scenario, how much of C5 is supported."""
        lines = []
        for name in sorted(self.rows["target"].unique()):
            mine = [c for c in self.verdicts if c["query"]["target"] == name and c["claim"] == "C5"]
            held = sum(c["verdict"] == "supported" for c in mine)
            told = "; ".join(_form(c, self.sources) for c in mine)
            lines.append(
                f"<li><b>{escape(name)}: {held} of {len(mine)} forms of C5 supported</b>. {told}.</li>"
            )
        return Html(f"<ul>{''.join(lines)}</ul>")

    def caveats(self) -> Html:
        return Html(
            "<ul><li>Replicas differ in dictionary, labels, weights and points; the variants of a replica share them "
            "all.</li>"
            "<li>Robust accuracy is an upper bound: a stronger attack can only lower it.</li>"
            "<li>Clean pre-training is no better a start than random features here: its units align with the source "
            "labels, dense mixtures of all atoms that the new task does not share. Part of the gain over clean "
            "training is the undoing of that: compare with <i>untrained</i>.</li></ul>"
        )

    def _starts(self, prefix: str) -> Any:
        return self.rows["metric"].str.startswith(prefix)


def _radius(metric: str) -> float:
    return float(metric.removeprefix(ROBUST)) if metric.startswith(ROBUST) else 0.0


def _short(claim: Mapping[str, Any]) -> str:
    metric = claim["query"]["metric"]
    name = COLUMNS.get(metric) or f"accuracy under l2 {_radius(metric):g}"
    return escape(name)


def _form(claim: Mapping[str, Any], sources: Sources) -> str:
    found = sources.traced(tables.difference(claim), sources.verdicts())
    return f"{_short(claim)} {found} ({escape(claim['verdict'])})"


def _table(estimates: pd.DataFrame, columns: Mapping[str, str], sources: Sources) -> Html:
    """Scenarios and variants down, metrics across."""
    cells = {
        (r["target"], r["variant"], r["metric"]): sources.traced(
            tables.interval_cell(r["mean"], r["high"]), sources.measured(r["target"])
        )
        for r in estimates.to_dict("records")
    }
    rows = [
        [escape(target), escape(variant), *(cells.get((target, variant, metric), "") for metric in columns)]
        for target in sorted(estimates["target"].unique())
        for variant in style.in_order(estimates["variant"])
    ]
    return tables.table(["scenario", "variant", *columns.values()], rows, name="means")
