"""The published numbers: written from a finished run, and compared with later ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advtransfer.evaluation import published
from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.seal import SealError, read_seal

FILE = Path("reports/published.json")
PICTURE = Path("reports/published.svg")
SUMMARY = Path("results/summary.json")
# The one page that holds timings is the run's own.
_TIMINGS = "reports/rendered/artifacts.html"


def publish(root: Path) -> str:
    """Writes ``reports/published.json``; returns what it did, in one line."""
    summary = json.loads((root / SUMMARY).read_text())
    hashes = sealed_hashes(root)
    content = published.make(summary, _artifacts(summary, hashes), hashes)
    atomic_write(root / FILE, json.dumps(content, indent=1, sort_keys=True) + "\n")
    atomic_write(root / PICTURE, _picture(root, next(iter(summary))))
    return f"{FILE}: {len(content['numbers'])} numbers, {len(hashes)} artifacts; {PICTURE}"


def compare(root: Path) -> str | None:
    """How the results under ``root`` relate to the published ones, in one line; None if nothing is published."""
    try:
        content = json.loads((root / FILE).read_text())
    except FileNotFoundError:
        return None
    return published.compare(content, json.loads((root / SUMMARY).read_text()), sealed_hashes(root))


def sealed_hashes(root: Path) -> dict[str, str]:
    """path -> SHA-256 of every output that a seal under data/, results/ and reports/ vouches for."""
    found: dict[str, str] = {}
    for folder in ("data", "results", "reports"):
        for path in sorted((root / folder).rglob("*.seal")):
            try:
                seal = read_seal(path)
            except SealError:
                continue
            found |= {output: seal.sha256[output] for output in seal.spec.output_paths}
    return {path: digest for path, digest in sorted(found.items()) if path != _TIMINGS}


def _artifacts(summary: dict[str, Any], hashes: dict[str, str]) -> dict[str, str]:
    """Prefix of a number's key -> the artifact that the number comes from."""
    found = {}
    for study, targets in summary.items():
        found[f"{study}/claims"] = f"results/claims/{study}.json"
        for target in targets:
            if target != "claims":
                found[f"{study}/{target}"] = f"results/transfer/{study}/metrics.parquet"
    return found


def _picture(root: Path, study: str) -> str:
    """Accuracy against shots of the first default study's claimed variants, for the README."""
    from advtransfer.evaluation import table
    from advtransfer.evaluation.statistics import means
    from advtransfer.reporting.figures import accuracy_by_shots
    from advtransfer.reporting.study import StudyReport
    from advtransfer.reporting.style import svg

    rows = table.read(root / "results/metrics.parquet")
    verdicts = json.loads((root / f"results/claims/{study}.json").read_text())
    report = StudyReport(study, rows[rows["study"] == study], verdicts, {})
    rows = report.rows[report.rows["variant"].isin(report.claimed)]
    chosen = rows[(rows["protocol"] == "linear") & (rows["metric"] == "accuracy")]
    return svg(accuracy_by_shots(means(chosen)))
