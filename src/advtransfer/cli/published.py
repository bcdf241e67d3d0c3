"""What a finished run can publish: which artifacts, their hashes, and the numbers of its picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from advtransfer.evaluation.published import CLAIM, Results, claim_key, same
from advtransfer.evaluation.settings import KEY, Setting
from advtransfer.provenance.seal import ARTIFACT_FOLDERS, Seal, all_seals
from advtransfer.regular_files import require_regular

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

PICTURE = Path("reports/published.svg")
SUMMARY = Path("results/summary.json")
# The one page that holds timings is the run's own.
_TIMINGS = "reports/rendered/artifacts.html"


@dataclass(frozen=True)
class Written:
    """What was published: where, how many things of each kind, in which files."""

    place: Path
    counts: dict[str, int]
    files: list[Path]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return {"published": str(self.place), **self.counts, "files": [str(file) for file in self.files]}

    def text(self) -> str:
        """In one line; files that the place does not tell of are named."""
        counted = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in self.counts.items())
        others = [str(file) for file in self.files if not file.is_relative_to(self.place)]
        return "; ".join([f"{self.place}: {counted}", *others])


def gap(key: str, old: float | None, new: float | None) -> str:
    """That a number was published as another one than is computed anew, in one line; nothing if it was not."""
    if old is not None and new is not None and same(old, new):
        return ""
    return f"{key}: published as {old}, computed anew {new}"


def read_artifact(root: Path, path: str, parse: Callable[[Path], T]) -> T:
    """What ``parse`` reads from an artifact. Raises ValueError, in one line that names the file, if it cannot."""
    try:
        require_regular(root / path)  # a parser would wait at a pipe
        return parse(root / path)
    except FileNotFoundError:
        raise ValueError(f"{path}: missing; `dvc pull` or `advtransfer run` brings it") from None
    except Exception as error:  # damaged bytes can make a parser raise anything
        what = next(iter(str(error).strip().splitlines()), type(error).__name__).replace(f"{root}/", "")
        raise ValueError(f"{path}: damaged ({what}); `dvc checkout` or `advtransfer run` mends it") from None


def told(key: str, value: float, anew: float | None) -> dict[str, Any]:
    """A published number beside the one computed anew (None: it cannot be); whether they are the same."""
    return {"value": value, "anew": anew, "stands": not gap(key, value, anew)}


def claims_told(
    published: Results, computed: tuple[Results, list[dict[str, Any]]] | None, wrong: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Claim -> what is published of it, beside what is judged anew (None: it cannot be); ``wrong`` names values that
    may not be so. A claim is borderline whose verdict could be another within the tolerance of its estimate.
    """
    from advtransfer.evaluation.borderline import borderline

    results, rows = computed or (Results({}, {}), [])
    hanging = {claim_key(row): borderline(row) for row in rows}
    return {
        key: {
            "value": published.claims.get(key),
            "anew": results.claims.get(key),
            "stands": key in results.claims and not any(f"{key}/{name}" in wrong for name in CLAIM),
            "borderline": hanging.get(key, False),
            "allowed": results.allowed.get(key),
        }
        for key in sorted({*published.claims, *results.claims})
    }


def setting(key: str, claim: Mapping[str, Any] | None) -> Setting | None:
    """The rows behind a number of a summary; None where its key says no setting."""
    if claim:
        return Setting.of_claim(claim)
    return None if "/claims/" in key or key.count("/") != len(KEY) - 1 else Setting.of_mean(key)


def indices(root: Path) -> list[str]:
    """The index of each phase."""
    found = (path for folder in ARTIFACT_FOLDERS for path in (root / folder).rglob("INDEX"))
    return sorted(path.relative_to(root).as_posix() for path in found)


def listed(root: Path) -> set[str]:
    """What the index of each phase lists: the artifacts of the default studies."""
    return {
        line for index in indices(root) for line in (root / index).read_text(encoding="utf-8").splitlines()
    }


def sealed_hashes(root: Path) -> dict[str, str]:
    """path -> SHA-256 of every output that a readable seal vouches for."""
    found: dict[str, str] = {}
    for seal in all_seals(root).values():
        if isinstance(seal, Seal):
            found |= {output: seal.sha256[output] for output in seal.spec.output_paths}
    return {path: digest for path, digest in sorted(found.items()) if path != _TIMINGS}


def artifacts(summary: dict[str, Any], hashes: dict[str, str]) -> dict[str, str]:
    """Prefix of a number's key -> the artifact that the number comes from."""
    found = {}
    for study, targets in summary.items():
        found[f"{study}/claims"] = f"results/claims/{study}.json"
        for target in targets:
            if target != "claims":
                found[f"{study}/{target}"] = metrics_file(study, hashes)
    return found


def drawn_numbers(root: Path, study: str = "") -> pd.DataFrame | None:
    """What the picture shows: ``shown_of`` a study, else of the first default one that has any.

    Raises ValueError, in one line, for an artifact that is missing or damaged.
    """
    from advtransfer.evaluation import table

    rows = read_artifact(root, metrics_file(study, {}) if study else "results/metrics.parquet", table.read)
    rows = _linear_accuracy(rows)
    if rows.empty:
        return None
    study = str(rows["study"].iloc[0])

    def shown(file: Path) -> pd.DataFrame | None:
        return shown_of(study, rows, json.loads(file.read_text(encoding="utf-8")))

    return read_artifact(root, f"results/claims/{study}.json", shown)


def shown_of(study: str, rows: pd.DataFrame, claims: list[dict[str, Any]]) -> pd.DataFrame | None:
    """Accuracy of linear heads against shots of a study's variants that are claimed something of; None without any."""
    from advtransfer.evaluation.statistics import means
    from advtransfer.reporting.picture import numbers
    from advtransfer.reporting.study import StudyReport

    rows = _linear_accuracy(rows)
    rows = rows[rows["study"] == study]
    claimed = StudyReport(study, rows, claims, {}).claimed
    return None if rows.empty else numbers(means(rows[rows["variant"].isin(claimed)]))


def _linear_accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["protocol"] == "linear") & (rows["metric"] == "accuracy")]


def metrics_file(study: str, hashes: dict[str, str]) -> str:
    """The metrics file of a study, which its phase writes: transfer, or theory for the simulated ones."""
    transferred, simulated = (f"results/{phase}/{study}/metrics.parquet" for phase in ("transfer", "theory"))
    return simulated if simulated in hashes else transferred
