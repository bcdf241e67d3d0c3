"""The published numbers and figures: recomputed from the sealed tables, and traced back to the raw data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.cli import published as files
from advtransfer.evaluation import published, rates_table, table
from advtransfer.evaluation.claims import judge
from advtransfer.evaluation.settings import Setting
from advtransfer.evaluation.statistics import means
from advtransfer.evaluation.summary import summary
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import broken, chain
from advtransfer.provenance.audit.verdict import FAIL, Check, judged
from advtransfer.provenance.seal import Seal
from advtransfer.regular_files import read_bytes, read_json, require_regular, why_unreadable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Published:
    """reports/published.json, and the project that it was made from."""

    numbers: dict[str, float]
    artifacts: dict[str, str]
    sha256: dict[str, str]
    evidence: Evidence

    @classmethod
    def load(cls, evidence: Evidence) -> Published:
        """Raises ValueError with one line where nothing is published, or the file is damaged."""
        try:
            content = read_json(evidence.root / files.FILE)
            found = cls(
                files.numbers_in(content), dict(content["artifacts"]), dict(content["sha256"]), evidence
            )
            if homeless := [key for key in found.numbers if not found._prefixes(key)]:
                raise ValueError(f"no artifact is given for {homeless[0]}")
            return found
        except FileNotFoundError:
            raise ValueError(
                f"{files.FILE}: not there: nothing is published (`advtransfer publish`)"
            ) from None
        except OSError as error:
            raise ValueError(f"{files.FILE}: {why_unreadable(error)}; restore it from git") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{files.FILE}: damaged ({error!r}); restore it from git") from None

    def jobs(self) -> set[str]:
        """Every sealed job that a published number, figure or artifact rests on."""
        steps = {step for path in self.sha256 for step in chain(path, self.evidence)}
        return {step for step in steps if step in self.evidence.sealed}

    def artifact_of(self, key: str) -> str:
        """The file that a number comes from: that of the longest prefix of its key."""
        return self.artifacts[max(self._prefixes(key), key=len)]

    def _prefixes(self, key: str) -> list[str]:
        return [prefix for prefix in self.artifacts if key == prefix or key.startswith(f"{prefix}/")]

    @cached_property
    def anew(self) -> dict[str, float] | str:
        """Key -> the number computed now from the measurements of the stages; or why that cannot be done."""
        try:
            return published.flatten(_summary(self.evidence))
        except (OSError, ValueError, KeyError, TypeError) as error:
            return str(error)

    # ---- checks ----------------------------------------------------------------------------------------------

    def unaltered(self) -> Check:
        """The published artifacts are the sealed ones."""
        findings = []
        for path, digest in sorted(self.sha256.items()):
            seal = self.evidence.makers.get(path)
            if seal is None:
                findings.append(f"{path}: published, and no seal names it here (`dvc pull`, or `make run`)")
            elif seal.sha256[path] != digest:
                findings.append(f"{path}: published as {digest[:12]}, sealed as {seal.sha256[path][:12]}")
        return judged(
            "published artifacts",
            findings,
            passed=f"the {len(self.sha256)} published artifacts are the sealed ones",
            failed=f"{len(findings)} of {len(self.sha256)} published artifacts are not the sealed ones",
        )

    def recomputed(self) -> Check:
        """Each published number against the one computed now from the measurements of the stages."""
        name = "published numbers"
        now = self.anew
        if isinstance(now, str):
            return Check(name, FAIL, f"the tables that they are computed from cannot be read: {now}")
        findings = [
            line for key, value in sorted(self.numbers.items()) if (line := _gap(key, value, now.get(key)))
        ]
        findings += [f"{key}: computed now, not published" for key in sorted(set(now) - set(self.numbers))]
        return judged(
            name,
            findings,
            passed=f"the {len(self.numbers)} published numbers are those computed anew from the measurements",
            failed=f"{len(findings)} of {len(self.numbers)} numbers are not those computed anew from the measurements",
        )

    def picture(self) -> Check:
        """The picture of the README against the one drawn now from the measurements."""
        name, file = "published picture", self.evidence.root / files.PICTURE
        try:
            drawn = files.picture(self.evidence.root)
            there = read_bytes(file).decode(errors="replace") if file.exists() else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Check(name, FAIL, f"it cannot be drawn anew: {error}")
        findings = [] if not drawn or there == drawn else [f"{files.PICTURE}: another"]
        return judged(
            name,
            findings,
            passed=f"{files.PICTURE} is the one drawn anew from the measurements"
            if drawn
            else "there is none",
            failed="it is not the one drawn anew from the measurements (by these versions of Matplotlib and its fonts)",
        )

    def traced(self, numbers: dict[str, Any], figures: list[dict[str, Any]]) -> Check:
        """Every chain ends in raw files that are there, or in jobs that read none."""
        ends = {
            f"{key}: {end}" for key, about in numbers.items() for end in broken(about["chain"], self.evidence)
        }
        ends |= {
            f"{about['page']}: {end}" for about in figures for end in broken(about["chain"], self.evidence)
        }
        ends |= {f"{key}: no measurement matches it" for key, about in numbers.items() if not about["rows"]}
        return judged(
            "chains to the raw data",
            sorted(ends),
            passed=f"{len(numbers)} numbers and {len(figures)} figures are traced through sealed jobs to the raw data",
            failed=f"{len(ends)} chains are broken",
        )

    # ---- chains ----------------------------------------------------------------------------------------------

    def number_chains(self) -> dict[str, dict[str, Any]]:
        """Key -> value, artifact, the rows that it rests on, and the jobs and raw files behind them."""
        claims = {f"{c['study']}/claims/{c['id']}": c for c in _claims_params(self.evidence)}
        return {key: self._number(key, claims) for key in sorted(self.numbers)}

    def _number(self, key: str, claims: dict[str, dict[str, Any]]) -> dict[str, Any]:
        claim = claims.get(key.rpartition("/")[0])
        anew = self.anew if isinstance(self.anew, dict) else {}
        about = files.told(key, self.numbers[key], anew.get(key)) | {"artifact": self.artifact_of(key)}
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
        for page in sorted(path for path in self.sha256 if path.endswith(".html")):
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


def _summary(evidence: Evidence) -> dict[str, Any]:
    """What results/summary.json should hold, from the tables that the measuring jobs wrote.

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
    return summary(means(pd.concat(measured, ignore_index=True)), claims)


def _maker(path: str, evidence: Evidence) -> Seal:
    """Raises ValueError where no readable seal vouches for an artifact."""
    if path not in evidence.makers:
        raise ValueError(f"{path}: no readable seal names it; `dvc pull` or `advtransfer run` brings it")
    return evidence.makers[path]


def _rates(path: Path) -> pd.DataFrame:
    return rates_table.read([path])


def _gap(key: str, value: float, now: float | None) -> str:
    if now is None:
        return f"{key}: published as {value}, computed by no job now"
    return files.gap(key, value, now)


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
