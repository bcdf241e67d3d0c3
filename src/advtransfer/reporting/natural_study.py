"""What the notebook of a study of natural images shows beyond that of the digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation.statistics import means
from advtransfer.reporting import figures, tables
from advtransfer.reporting.sources import NONE
from advtransfer.reporting.study import BASELINE, BELOW_CHANCE, NOT_MEASURED, StudyReport
from advtransfer.reporting.style import in_order
from advtransfer.reporting.tables import Html

if TYPE_CHECKING:
    import pandas as pd

REPRESENTATION, PROBE = "representation", "probe_"
MOST_DECIMALS = 4
Trace = Callable[[str, str], list[Mapping[str, str]]]  # of a target and a variant


@dataclass(frozen=True)
class NaturalReport(StudyReport):
    """The measurements, verdicts and provenance of one study of natural images."""

    def attacked(self) -> Html:
        """With which attack, on how many images, and what its figures can be held against."""
        asked: dict[str, Any] = self.context.get("description", {}).get("transfer", {}).get("robust", {})
        if not asked:
            return Html("")
        name = {"autoattack": "AutoAttack (standard version)", "pgd": "PGD (20 steps, 2 starts)"}
        fraction = f"{asked['eps'] * 255:.3g}/255" if asked["norm"] == "linf" else f"{asked['eps']:.3g}"
        return Html(
            f"<p>{name[asked['attack']]}, {escape(asked['norm'])} ball of radius {fraction}, on the first "
            f"{asked['images']} test images of each replica, heads of the first draw at {asked['shots']} shots. "
            f"{BELOW_CHANCE}</p>"
        )

    def measures(self) -> Html:
        """Whatever was measured of the features, and the similarity to the first variant's."""
        found = self._means(REPRESENTATION)
        names = sorted(name for name in set(found["metric"]) if not name.startswith(PROBE))
        if not names:
            return NOT_MEASURED
        header = [name.replace("_", " ") for name in names]
        return self._table(found, names, header, "measures", lambda target, _: self.sources.features(target))

    def probes(self) -> Html:
        """Accuracy of a linear head on every stage of the network."""
        found = self._means(REPRESENTATION)
        names = [name for name in dict.fromkeys(found["metric"]) if name.startswith(PROBE)]
        if not names:
            return NOT_MEASURED
        stages = sorted((name.removeprefix(PROBE) for name in names), key=lambda name: (name != "stem", name))
        return self._table(found, [PROBE + name for name in stages], stages, "probes", self.sources.measured)

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
        self, found: pd.DataFrame, names: list[str], header: list[str], title: str, sources: Trace
    ) -> Html:
        """Targets and variants down, metrics across."""
        rows = []
        for target in sorted(set(found["target"])):
            here = found[found["target"] == target]
            for variant in in_order(here["variant"]):
                own = here[here["variant"] == variant].set_index("metric")
                cells = [_cell(own, name) for name in names]
                traced = [self.sources.traced(cell, sources(target, variant)) for cell in cells]
                rows.append([escape(target), escape(variant), *traced])
        return tables.table(["target", "variant", *header], rows, name=title)


def _cell(own: pd.DataFrame, name: str) -> str:
    """A mean with half its interval, to that one's second digit: no unit or size is known of a measure."""
    if name not in own.index:
        return NONE
    mean, high = (own[column].to_dict()[name] for column in ("mean", "high"))
    half = high - mean
    if math.isnan(half):
        return f"{mean:.4g}"  # a single replica has no interval
    decimals = min(max(0, 1 - math.floor(math.log10(half))), MOST_DECIMALS) if half > 0 else MOST_DECIMALS
    return f"{mean:.{decimals}f} ± {half:.{decimals}f}"
