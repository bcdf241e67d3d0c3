"""What the notebook of a linear_theory study shows, one method per section."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from advtransfer.evaluation import rates_table
from advtransfer.evaluation.statistics import means, paired_differences
from advtransfer.reporting import plots, style, tables, theory_figures
from advtransfer.reporting.sources import NOWHERE, Sources
from advtransfer.reporting.study import StudyReport, details_of
from advtransfer.reporting.tables import Html
from advtransfer.theory.linear.scenario import make_scenario
from advtransfer.theory.linear.spiked import closed_form

if TYPE_CHECKING:
    import pandas as pd

NONE = Html("<p>No rates in this study.</p>")
PLAIN = "plain-svd"
MATTERS = (
    0.02  # a difference of sin Theta below this does not matter: the margin of the claims about plain SVD
)
WORDS = {
    "sin_theta_op": "sin Theta (operator norm)",
    "sin_theta_fro": "sin Theta (Frobenius)",
    "excess_risk": "excess risk of the target",
    "representation_excess": "excess risk of the representation",
    "head_excess": "excess risk of the head",
    "error": "error of the target",
}


@dataclass(frozen=True)
class LinearReport(StudyReport):
    """The measurements, rates, verdicts and provenance of one study."""

    rates_found: pd.DataFrame | None = None

    @classmethod
    def load(
        cls, name: str, *, metrics: str, claims: str, context: str, details: Sequence[str] | str
    ) -> LinearReport:
        """Read the study's part of the files; ``details`` are its rates tables, or a pattern that they match.

        Raises ValueError when the metrics hold nothing of the study.
        """
        base = StudyReport.open(name, metrics=metrics, claims=claims, context=context)
        found = rates_table.read(details_of(details))
        return cls(base.name, base.rows, base.verdicts, base.context, None if found.empty else found)

    def description(self) -> Html:
        """How much was simulated, and every scenario."""
        return Html(self.size("independent trials") + settings(self.context.get("description", {})))

    def scenarios(self) -> Html:
        """sin Theta of all variants in all scenarios, as a figure and a table."""
        chosen = means(self._metric("sin_theta_op"))
        alt = (
            "Distance of the learned representation from the true one for each variant, a panel per scenario"
        )
        figure = theory_figures.scenarios(chosen, f"{WORDS['sin_theta_op']}: 0 is the true representation")
        return Html(self.exhibit(figure, alt, chosen, "scenarios") + self.table("sin_theta_op"))

    def table(self, metric: str) -> Html:
        """Variants down, scenarios across."""
        return by_target(means(self._metric(metric)), self.sources)

    def baseline(self) -> Html:
        """In words, where a plain SVD of the means does as well as adversarial training."""
        over = paired_differences(self._metric("sin_theta_op"), PLAIN)
        lines = []
        for scenario in sorted(over["target"].unique()):
            here = over[over["target"] == scenario].set_index("variant").to_dict("index")
            told = [
                _beside(name, here[name], self.sources)
                for name in ("adversarial-l2", "adversarial-linf")
                if name in here
            ]
            lines.append(f"<li><b>{escape(scenario)}</b>: {'; '.join(told)}.</li>")
        return Html(f"<ul>{''.join(lines)}</ul>")

    def closed_form(self) -> Html:
        """The spiked-matrix formula beside the simulation (root mean squared sine per direction)."""
        rows = []
        for name, block in self.context.get("description", {}).get("scenarios", {}).items():
            scenario = make_scenario(block)
            for variant, estimator in self.context["estimators"].items():
                formula = closed_form(scenario, estimator)
                values = self._metric("sin_theta_fro")
                values = values[(values["target"] == name) & (values["variant"] == variant)]["value"]
                if formula is not None:
                    found = math.sqrt(math.fsum(v * v for v in values) / len(values) / scenario.r)
                    off = f"{100 * (found / formula - 1):+.1f} %".replace("-", "−")
                    simulated = self.sources.traced(f"{found:.4f}", self.sources.measured(name))
                    rows.append([escape(name), escape(variant), f"{formula:.4f}", simulated, off])
        header = ["scenario", "variant", "formula", "simulation", "difference"]
        return tables.table(header, rows, name="closed-form")

    def rates(self) -> Html:
        """Rate plots: sin Theta over everything but n_target, for which the risk of the head is shown."""
        if self.rates_found is None:
            return NONE
        figures = []
        for metric in ("sin_theta_op", "head_excess"):
            rows = self.rates_found[self.rates_found["metric"] == metric]
            if not rows.empty:
                alt = f"{WORDS[metric]} against swept parameters on log axes, with fitted and theoretical slopes"
                figure = theory_figures.rates(rows, WORDS[metric])
                panels = plots.of_rates(rows, WORDS[metric])
                fitted = [
                    row for scenario in sorted(set(rows["scenario"])) for row in self.sources.fitted(scenario)
                ]
                name = f"rates-{metric.replace('_', '-')}"
                shown = self.exhibit(figure, alt, _points(rows), name, panels=panels, measured=fitted)
                figures.append(shown)
        return Html("".join(figures))

    def exponents(self) -> Html:
        """Fitted slopes with intervals beside the exponents of the theory; how many intervals hold the exact one."""
        if self.rates_found is None:
            return NONE
        found: list[Any] = self.rates_found.to_dict("records")
        stated = [row for row in found if not math.isnan(row["leading"])]
        without = sum(not _holds(row) for row in stated)
        head = (
            f"<p><b>{without} of {len(stated)} intervals do not hold the exact exponent</b>: they measure the noise "
            "over trials, not how far the sizes are from where the exponent holds. The closed form has the finite "
            "sizes in it, and where it applies it is nearer.</p>"
        )
        header = [
            "scenario",
            "over",
            "variant",
            "metric",
            "fitted [interval]",
            "theory",
            "closed form",
            "bound",
            "exact exponent",
        ]
        return Html(
            head + tables.table(header, [_exponent(row, self.sources) for row in found], name="exponents")
        )

    def caveats(self) -> Html:
        return Html(
            "<ul><li>The intervals are over trials of the simulation: with more trials they shrink, and the distance "
            "from a theory that holds for large sizes stays. The study <code>linear-theory-large</code> repeats the "
            "sweeps at larger sizes, where the fitted exponents come closer: "
            "<code>make run STUDY=linear-theory-large</code>.</li>"
            "<li>The radii of the attacks are set per scenario with the signal in mind, as in the theorems. Under mild "
            "heterogeneity no l2 radius helps (docs/theory.md has the scan over radii).</li>"
            "<li>The bounds are worst cases. They are looser than what is measured in r (operator norm: r against its "
            "root) and in n_target (-1/2 against -1).</li></ul>"
        )

    def _metric(self, metric: str) -> pd.DataFrame:
        return self.rows[self.rows["metric"] == metric]


def settings(block: Mapping[str, Any]) -> Html:
    """A theory study's block of params.yaml: the seed and, scenarios across, every key that is not 0 in all of them."""
    scenarios = block.get("scenarios", {})
    keys = dict.fromkeys(key for scenario in scenarios.values() for key in scenario)
    told = [key for key in keys if any(scenario.get(key) for scenario in scenarios.values())]
    rows = [
        [escape(key), *(_plain(scenario.get(key, "")) for scenario in scenarios.values())] for key in told
    ]
    seed = f"<p>Seed {escape(str(block.get('seed', '')))}.</p>"
    return Html(seed + tables.table(["setting", *scenarios], rows, name="settings"))


def by_target(estimates: pd.DataFrame, sources: Sources = NOWHERE) -> Html:
    """Variants down, targets across: mean and half-width of the interval."""
    targets = sorted(estimates["target"].unique())
    cells = {
        (r["variant"], r["target"]): sources.traced(
            tables.interval_cell(r["mean"], r["high"]), sources.measured(r["target"])
        )
        for r in estimates.to_dict("records")
    }
    rows = [
        [escape(variant), *(cells.get((variant, target), "") for target in targets)]
        for variant in style.in_order(estimates["variant"])
    ]
    return tables.table(["variant", *targets], rows, name="means")


def _beside(name: str, row: Mapping[str, Any], sources: Sources) -> str:
    """What a difference of sin Theta to the plain SVD says."""
    if row["high"] < -MATTERS:
        says = f"{name} is better than a plain SVD"
    elif row["low"] > MATTERS:
        says = f"a plain SVD is better than {name}"
    elif row["low"] > -MATTERS and row["high"] < MATTERS:
        says = f"<b>a plain SVD does as well as {name}</b>"
    else:
        says = f"{name} and a plain SVD cannot be told apart by more than {MATTERS:g}"
    numbers = {"estimate": row["mean"], "ci_low": row["low"], "ci_high": row["high"]}
    return f"{says} ({sources.traced(tables.difference(numbers), sources.measured(row['target']))})"


def _points(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a point of the sweeps, for the file of data: the fitted law is told at each."""
    return rows.explode(rates_table.POINTS).rename(
        columns={"values": "value", "means": "mean", "lows": "low", "highs": "high"}
    )


def _holds(row: Mapping[str, Any]) -> bool:
    return bool(row["slope_low"] <= row["leading"] <= row["slope_high"])


def _exponent(row: Mapping[str, Any], sources: Sources) -> list[str]:
    numbers = {"estimate": row["slope"], "ci_low": row["slope_low"], "ci_high": row["slope_high"]}
    theory = [
        "" if math.isnan(row[k]) else f"{row[k] + 0.0:+.3f}".replace("-", "−") for k in rates_table.THEORY
    ]
    mark = "" if math.isnan(row["leading"]) else "holds the exponent" if _holds(row) else "excludes it"
    names = [escape(row[key]) for key in ("scenario", "parameter", "variant")]
    fitted = sources.traced(tables.difference(numbers), sources.fitted(row["scenario"]))
    return [*names, escape(WORDS[row["metric"]]), fitted, *theory, mark]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return escape(", ".join(f"{name}: {what}" for name, what in value.items()))
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))
