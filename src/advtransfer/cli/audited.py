"""What is published, and what stands behind it: computed anew from the sealed tables, traced back to the raw data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.cli import published as files
from advtransfer.cli.published_file import FILE, PublishedFile
from advtransfer.evaluation import rates_table, table
from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.published import Results
from advtransfer.evaluation.results import results
from advtransfer.evaluation.settings import Setting
from advtransfer.evaluation.statistics import means
from advtransfer.evaluation.tolerance import Tolerances
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import chain
from advtransfer.provenance.seal import Seal
from advtransfer.regular_files import read_bytes, require_regular

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Published:
    """reports/published.json, and the project that it was made from; ``tolerances`` as in reports/tolerances.yaml."""

    file: PublishedFile
    evidence: Evidence
    tolerances: Tolerances

    @classmethod
    def load(cls, evidence: Evidence, tolerances: Tolerances) -> Published:
        """Raises ValueError with one line where nothing is published, or the file is damaged."""
        try:
            return cls(PublishedFile.load(evidence.root), evidence, tolerances)
        except FileNotFoundError:
            raise ValueError(f"{FILE}: not there: nothing is published (`advtransfer publish`)") from None

    @property
    def numbers(self) -> dict[str, float]:
        """Key -> number."""
        return self.file.results.numbers

    def jobs(self) -> set[str]:
        """Every sealed job that a published number, figure or artifact rests on."""
        steps = {step for path in self.file.sha256 for step in chain(path, self.evidence)}
        return {step for step in steps if step in self.evidence.sealed}

    @cached_property
    def computed(self) -> tuple[Results, list[dict[str, Any]]] | str:
        """What the measurements of the stages give now, and the rows of claims.json; or why there is none."""
        try:
            return _computed(self.evidence, self.tolerances)
        except (OSError, ValueError, KeyError, TypeError) as error:
            return str(error)

    # ---- chains ----------------------------------------------------------------------------------------------

    def number_chains(self) -> dict[str, dict[str, Any]]:
        """Key -> value, artifact, the rows that it rests on, and the jobs and raw files behind them."""
        claims = {f"{c['study']}/claims/{c['id']}": c for c in _claims_params(self.evidence)}
        return {key: self._number(key, claims) for key in sorted(self.numbers)}

    def _number(self, key: str, claims: dict[str, dict[str, Any]]) -> dict[str, Any]:
        claim = claims.get(key.rpartition("/")[0])
        anew = None if isinstance(self.computed, str) else self.computed[0].numbers.get(key)
        about = files.told(key, self.numbers[key], anew) | {"artifact": self.file.artifact_of(key)}
        setting = files.setting(key, claim)
        if setting is None:
            return about | {"where": {}, "rows": 0, "chain": chain(about["artifact"], self.evidence)}
        measured = self._measurements(about["artifact"])
        return about | {
            "where": setting.to_dict(),
            "rows": sum(self._count(setting, path) for path in measured),
            "chain": chain(about["artifact"], self.evidence, lambda seal: self._follow(setting, seal)),
        }

    def _measurements(self, artifact: str) -> list[str]:
        """The metrics tables from which a number's artifact is computed: itself, or what its job reads."""
        seal = self.evidence.makers.get(artifact)
        if artifact.endswith(".parquet") or seal is None:
            return [artifact]
        return _named(seal, "metrics")

    def _follow(self, setting: Setting, seal: Seal) -> Iterator[str]:
        """Of the metrics tables that a job joins only those with rows of the number; of anything else all."""
        joined = _named(seal, "metrics")
        yield from (
            path for path in seal.spec.input_paths if path not in joined or self._count(setting, path)
        )

    def _count(self, setting: Setting, path: str) -> int:
        try:
            require_regular(self.evidence.root / path)
            return setting.count(self.evidence.root / path)
        except (OSError, ValueError):
            return 0

    def figure_chains(self) -> list[dict[str, Any]]:
        """Every figure of every published page, and the published picture, with what is behind them."""
        found = []
        for page in sorted(path for path in self.file.sha256 if path.endswith(".html")):
            steps = chain(page, self.evidence)
            for alt in _figures(self.evidence.root / page):
                found.append({"page": page, "figure": alt, "chain": steps})
        if (self.evidence.root / files.PICTURE).exists():
            steps = chain("results/metrics.parquet", self.evidence)
            found.append(
                {"page": str(files.PICTURE), "figure": "Accuracy against labelled images", "chain": steps}
            )
        return found


def _named(seal: Seal, name: str) -> list[str]:
    paths = seal.spec.inputs.get(name, [])
    return [paths] if isinstance(paths, str) else list(paths)


def _claims_seals(evidence: Evidence) -> list[Seal]:
    summarised = evidence.makers.get(str(files.SUMMARY))
    paths = _named(summarised, "claims") if summarised else []
    return [evidence.makers[path] for path in paths if path in evidence.makers]


def _claims_params(evidence: Evidence) -> Iterable[dict[str, Any]]:
    return [claim for seal in _claims_seals(evidence) for claim in seal.spec.params["claims"]]


def _computed(evidence: Evidence, tolerances: Tolerances) -> tuple[Results, list[dict[str, Any]]]:
    """The results that the tables which the measuring jobs wrote give, and the rows of the claims.

    Raises ValueError, in one line, for one that is missing or damaged, or that no seal names.
    """
    import pandas as pd

    root, claims = evidence.root, []
    for seal in _claims_seals(evidence):
        rates = [files.read_artifact(root, path, _rates) for path in _named(seal, "rates")]
        rows = files.read_artifact(root, _named(seal, "metrics")[0], table.read)
        claims += judge(rows, seal.spec.params["claims"], pd.concat(rates) if rates else None)
    joining = [_maker(path, evidence) for path in _named(_maker(str(files.SUMMARY), evidence), "metrics")]
    measured = [
        files.read_artifact(root, path, table.read) for seal in joining for path in _named(seal, "metrics")
    ]
    return results(means(pd.concat(measured, ignore_index=True)), claims, tolerances), claims


def _maker(path: str, evidence: Evidence) -> Seal:
    """Raises ValueError where no readable seal vouches for an artifact."""
    if path not in evidence.makers:
        raise ValueError(f"{path}: no readable seal names it; `dvc pull` or `advtransfer run` brings it")
    return evidence.makers[path]


def _rates(path: Path) -> pd.DataFrame:
    return rates_table.read([path])


class _Images(HTMLParser):
    """The words that stand for each figure of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "without a description")


def _figures(page: Path) -> list[str]:
    parser = _Images()
    try:
        parser.feed(read_bytes(page).decode(errors="replace"))
    except OSError:
        return []
    return parser.alts
