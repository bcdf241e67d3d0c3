"""The published numbers: written from a finished run, and compared with later ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from advtransfer.evaluation import published
from advtransfer.evaluation.settings import KEY, Setting
from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.seal import ARTIFACT_FOLDERS, Seal, all_seals
from advtransfer.regular_files import read_json, require_regular

T = TypeVar("T")

FILE = Path("reports/published.json")
PICTURE = Path("reports/published.svg")
SUMMARY = Path("results/summary.json")
# The one page that holds timings is the run's own.
_TIMINGS = "reports/rendered/artifacts.html"
# Numbers are published with so many digits.
_ROUNDING = 0.51 * 10**-published.DIGITS


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


def publish(root: Path) -> Written:
    """Writes ``reports/published.json`` and its picture."""
    summary = json.loads((root / SUMMARY).read_text(encoding="utf-8"))
    hashes = {path: digest for path, digest in sealed_hashes(root).items() if path in _listed(root)}
    content = published.make(summary, _artifacts(summary, hashes), hashes)
    atomic_write(root / FILE, json.dumps(content, indent=1, sort_keys=True) + "\n")
    written = [FILE]
    if drawn := picture(root):
        atomic_write(root / PICTURE, drawn)
        written.append(PICTURE)
    return Written(FILE, {"numbers": len(content["numbers"]), "artifacts": len(hashes)}, written)


def compare(root: Path) -> str | None:
    """How the results under ``root`` relate to the published ones, in one line; None if nothing is published."""
    try:
        return published.compare(read_json(root / FILE), read_json(root / SUMMARY), sealed_hashes(root))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return f"{FILE} cannot be read, nothing was compared; restore it from git"


def gap(key: str, old: float | None, new: float | None) -> str:
    """That a number was published as another one than is computed anew, in one line; nothing if it was not."""
    if old is not None and new is not None and abs(old - new) <= _ROUNDING:
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


def numbers_in(content: Any) -> dict[str, float]:
    """The numbers of published.json or of a record. Raises KeyError or TypeError for content that holds none."""
    if not isinstance(numbers := content["numbers"], dict):
        raise TypeError("numbers: found no mapping")
    if strange := [key for key, value in numbers.items() if type(value) not in (int, float)]:
        raise TypeError(f"{strange[0]} is no number")
    return numbers


def told(key: str, value: float, anew: float | None) -> dict[str, Any]:
    """A published number beside the one computed anew (None: it cannot be); whether they are the same."""
    return {"value": value, "anew": anew, "stands": not gap(key, value, anew)}


def setting(key: str, claim: Mapping[str, Any] | None) -> Setting | None:
    """The rows behind a number of a summary; None where its key says no setting."""
    if claim:
        return Setting.of_claim(claim)
    return None if "/claims/" in key or key.count("/") != len(KEY) - 1 else Setting.of_mean(key)


def _listed(root: Path) -> set[str]:
    """What the index of each phase lists: the artifacts of the default studies."""
    indices = (p for folder in ARTIFACT_FOLDERS for p in (root / folder).rglob("INDEX"))
    return {line for index in indices for line in index.read_text(encoding="utf-8").splitlines()}


def sealed_hashes(root: Path) -> dict[str, str]:
    """path -> SHA-256 of every output that a readable seal vouches for."""
    found: dict[str, str] = {}
    for seal in all_seals(root).values():
        if isinstance(seal, Seal):
            found |= {output: seal.sha256[output] for output in seal.spec.output_paths}
    return {path: digest for path, digest in sorted(found.items()) if path != _TIMINGS}


def _artifacts(summary: dict[str, Any], hashes: dict[str, str]) -> dict[str, str]:
    """Prefix of a number's key -> the artifact that the number comes from."""
    found = {}
    for study, targets in summary.items():
        found[f"{study}/claims"] = f"results/claims/{study}.json"
        for target in targets:
            if target != "claims":
                found[f"{study}/{target}"] = _metrics(study, hashes)
    return found


def picture(root: Path, study: str = "") -> str:
    """Accuracy of linear heads against shots in a study, else in the first default one that has it; else nothing.

    Raises ValueError, in one line, for an artifact that is missing or damaged.
    """
    from advtransfer.evaluation import table
    from advtransfer.evaluation.statistics import means
    from advtransfer.reporting.figures import accuracy_by_shots
    from advtransfer.reporting.study import StudyReport
    from advtransfer.reporting.style import svg

    path = _metrics(study, {}) if study else "results/metrics.parquet"
    rows = read_artifact(root, path, table.read)
    rows = rows[(rows["protocol"] == "linear") & (rows["metric"] == "accuracy")]
    if rows.empty:
        return ""
    study = str(rows["study"].iloc[0])
    rows = rows[rows["study"] == study]

    def claimed(file: Path) -> frozenset[str]:
        return frozenset(StudyReport(study, rows, json.loads(file.read_text(encoding="utf-8")), {}).claimed)

    shown = read_artifact(root, f"results/claims/{study}.json", claimed)
    return svg(accuracy_by_shots(means(rows[rows["variant"].isin(shown)])))


def _metrics(study: str, hashes: dict[str, str]) -> str:
    """The metrics file of a study, which its phase writes: transfer, or theory for the simulated ones."""
    transferred, simulated = (f"results/{phase}/{study}/metrics.parquet" for phase in ("transfer", "theory"))
    return simulated if simulated in hashes else transferred
