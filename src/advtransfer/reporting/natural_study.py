"""What the notebook of a study of natural images shows beyond that of the digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation.statistics import means
from advtransfer.reporting import figures, tables
from advtransfer.reporting.study import BASELINE, NOT_MEASURED, StudyReport
from advtransfer.reporting.style import in_order
from advtransfer.reporting.tables import Html

if TYPE_CHECKING:
    import pandas as pd

REPRESENTATION, PROBE, SIMILARITY = "representation", "probe_", "cka_to_"
# Metric -> its column, what it is and who defined it, digits.
MEASURES = {
    "effective_rank": ("effective rank", "Roy and Vetterli 2007", 1),
    "intra_class_variance": ("variance within classes", "share of all variance", 3),
    "tmi": ("TMI", "Xu and Kang 2023, nats", 1),
}


@dataclass(frozen=True)
class NaturalReport(StudyReport):
    """The measurements, verdicts and provenance of one study of natural images."""

    def attacked(self) -> Html:
        """With which attack, on how many images."""
        asked: dict[str, Any] = self.context.get("description", {}).get("transfer", {}).get("robust", {})
        if not asked:
            return Html("")
        name = {"autoattack": "AutoAttack (standard version)", "pgd": "PGD (20 steps, 2 starts)"}
        fraction = f"{asked['eps'] * 255:.3g}/255" if asked["norm"] == "linf" else f"{asked['eps']:.3g}"
        return Html(
            f"<p>{name[asked['attack']]}, {escape(asked['norm'])} ball of radius {fraction}, on the first "
            f"{asked['images']} test images of each replica, heads of the first draw at {asked['shots']} shots.</p>"
        )

    def measures(self) -> Html:
        """Effective rank, variance within the classes, TMI, and the similarity to the first variant's features."""
        found = self._means(REPRESENTATION)
        names = [name for name in MEASURES if name in set(found["metric"])]
        names += sorted(name for name in set(found["metric"]) if name.startswith(SIMILARITY))
        if not names:
            return NOT_MEASURED
        header = [f"{title} ({source})" for title, source, _ in map(_column, names)]
        return self._table(found, names, header, [digits for _, _, digits in map(_column, names)], "measures")

    def probes(self) -> Html:
        """Accuracy of a linear head on every stage of the network."""
        found = self._means(REPRESENTATION)
        names = [name for name in dict.fromkeys(found["metric"]) if name.startswith(PROBE)]
        if not names:
            return NOT_MEASURED
        stages = sorted((name.removeprefix(PROBE) for name in names), key=lambda name: (name != "stem", name))
        return self._table(found, [PROBE + name for name in stages], stages, [3] * len(stages), "probes")

    def references(self) -> Html:
        """Heads that need no fitting: the nearest class mean, and naive Bayes."""
        shown = []
        for protocol in ("centroid", "naive-bayes"):
            chosen = means(self._rows(protocol, "accuracy", None))
            if not chosen.empty:
                alt = f"Target accuracy of {protocol} heads on the features of each variant, with intervals"
                figure = figures.levels(chosen, BASELINE)
                shown.append(f"<h3>{protocol}</h3>{self.shown(figure, alt, chosen, protocol)}")
        return Html("".join(shown)) if shown else NOT_MEASURED

    def caveats(self) -> Html:
        return Html(
            f"<ul><li>{self.replicas} replicas, each with a split, an initialisation and batches of its own, on the "
            "same images: the intervals (Student's t) are wide for so few, and hold for these image sets.</li>"
            "<li>Replicas are paired across variants, so a difference is known better than the two levels it is taken "
            "from: bands that overlap do not mean that two variants cannot be told apart.</li>"
            "<li>The recipe is one for all variants, chosen by the accuracy of clean pre-training on source images "
            "that were set aside: a recipe tuned for each variant might help some more than others.</li>"
            "<li>Measures of a representation are taken on the target's validation images.</li></ul>"
        )

    def _means(self, protocol: str) -> pd.DataFrame:
        return means(self.rows[self.rows["protocol"] == protocol])

    def _table(
        self, found: pd.DataFrame, names: list[str], header: list[str], digits: Sequence[int], title: str
    ) -> Html:
        """Targets and variants down, metrics across."""
        rows = []
        for target in sorted(set(found["target"])):
            here = found[found["target"] == target]
            for variant in in_order(here["variant"]):
                own = here[here["variant"] == variant].set_index("metric")
                cells = [
                    self._cell(own, name, target, variant, n) for name, n in zip(names, digits, strict=True)
                ]
                rows.append([escape(target), escape(variant), *cells])
        return tables.table(["target", "variant", *header], rows, name=title)

    def _cell(self, own: pd.DataFrame, name: str, target: str, variant: str, digits: int) -> str:
        if name not in own.index:
            return "–"
        row = own.loc[name]
        text = f"{row['mean']:.{digits}f} ± {row['high'] - row['mean']:.{digits}f}"
        return self.sources.traced(text, self.sources.measured(target, variant))


def _column(metric: str) -> tuple[str, str, int]:
    if metric in MEASURES:
        return MEASURES[metric]
    return f"CKA to {metric.removeprefix(SIMILARITY)}", "linear, Kornblith et al. 2019", 3
