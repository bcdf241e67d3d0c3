"""What `advtransfer publish` would write, what that changes of what is published, and the writing of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.cli import published as files
from advtransfer.cli.changes import Changes
from advtransfer.cli.published import Written
from advtransfer.cli.published_file import FILE, PublishedFile, circumstances_of, made_on
from advtransfer.cli.records import CLAIMS, FOLDER, PAGE, PICTURE, RECORD, TABLE, StudyRecord, seal_of
from advtransfer.evaluation.published import Results, claim_key, claim_values, flatten
from advtransfer.provenance import published_seals
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.lineage import chain
from advtransfer.provenance.audit.machine import circumstances
from advtransfer.provenance.environment import describe
from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.seal import SealError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Draft:
    """What is to be published: how many things of each kind, and files with their text, or what they are copies of."""

    place: Path
    counts: dict[str, int]
    contents: dict[Path, str | Path]
    changes: Changes

    def write(self, root: Path) -> Written:
        """Writes the files below ``root``."""
        for file, content in self.contents.items():
            if isinstance(content, str):
                atomic_write(root / file, content)
            else:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(content, root / file)
        return Written(self.place, self.counts, list(self.contents))

    def alters(self, root: Path) -> bool:
        """Whether any file would have another content than it has."""
        return any(_content(root / file) != _wanted(content) for file, content in self.contents.items())


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _wanted(content: str | Path) -> bytes:
    return content.encode() if isinstance(content, str) else content.read_bytes()


def draft(root: Path) -> Draft:
    """reports/published.json, what the seals tell, and the picture, from results that are fresh."""
    evidence = Evidence.gather(root, [])
    summary = json.loads((root / files.SUMMARY).read_text(encoding="utf-8"))
    hashes = {
        path: digest for path, digest in files.sealed_hashes(root).items() if path in files.listed(root)
    }
    artifacts = files.artifacts(summary, hashes)
    claims = [row for path in sorted(set(artifacts.values())) for row in _claims(root / path)]
    jobs = {step for path in hashes for step in chain(path, evidence) if step in evidence.seals}
    machines, places = made_on(hashes, evidence)
    new = PublishedFile(
        Results(flatten(summary), {claim_key(row): claim_values(row) for row in claims}),
        artifacts,
        hashes,
        {job: evidence.seals[job].spec.digest for job in sorted(jobs)},
        machines,
        places,
        circumstances([describe(root)]),
    )
    told = published_seals.to_json(
        {job: evidence.seals[job] for job in sorted({*jobs, *files.indices(root)})}
    )
    contents: dict[Path, str | Path] = {FILE: new.to_json(), published_seals.FILE: told}
    if (shown := files.drawn_numbers(root)) is not None:
        contents[files.PICTURE] = _drawn(shown)
    counts = {"numbers": len(new.results.numbers), "artifacts": len(hashes)}
    return Draft(FILE, counts, contents, Changes.of(_published(root), new))


def _claims(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else []


def _drawn(shown: pd.DataFrame) -> str:
    from advtransfer.reporting.picture import draw

    return draw(shown)


def _published(root: Path) -> PublishedFile | None:
    """What is published now; None where nothing is, or nothing that can be read."""
    try:
        return PublishedFile.load(root)
    except (FileNotFoundError, ValueError):
        return None


def draft_study(root: Path, study: str) -> Draft:
    """The record of a study whose results are fresh."""
    evidence = Evidence.gather(root, [])
    copies = {
        TABLE: f"results/transfer/{study}/metrics.parquet",
        CLAIMS: f"results/claims/{study}.json",
        PAGE: f"reports/rendered/{study}.html",
    }
    jobs = [step for step in chain(copies[PAGE], evidence) if step in evidence.seals]
    seals = [json.loads(evidence.seals[job].to_json()) for job in sorted(jobs)]
    by_primary = {seal.spec.primary: seal for seal in map(seal_of, seals)}
    with tempfile.TemporaryDirectory() as name:
        shutil.copyfile(root / copies[TABLE], Path(name) / TABLE)
        results, _ = StudyRecord(study, Results({}, {}), copies, by_primary, Path(name)).computed
    content = {
        "study": study,
        "numbers": results.numbers,
        "claims": results.claims,
        "copies": copies,
        "seals": seals,
    }
    contents: dict[Path, str | Path] = {
        FOLDER / study / RECORD: json.dumps(content, indent=1, sort_keys=True) + "\n",
        **{FOLDER / study / name: root / path for name, path in copies.items()},
    }
    if (shown := files.drawn_numbers(root, study)) is not None:
        contents[FOLDER / study / PICTURE] = _drawn(shown)
    new = _as_file(results, copies, evidence)
    counts = {"numbers": len(results.numbers), "sealed_jobs": len(seals)}
    return Draft(FOLDER / study, counts, contents, Changes.of(_record(root, study), new))


def _record(root: Path, study: str) -> PublishedFile | None:
    """The present record of a study, as if it were published with the default ones; None where there is none whole."""
    try:
        record = StudyRecord.load(root / FOLDER / study)
    except (ValueError, SealError):
        return None
    return _as_file(record.results, record.copies, record.evidence(root))


def _as_file(results: Results, copies: Mapping[str, str], evidence: Evidence) -> PublishedFile:
    hashes = {path: evidence.makers[path].sha256[path] for path in copies.values() if path in evidence.makers}
    return PublishedFile(results, {}, hashes, machines=[circumstances_of(copies[PAGE], evidence)])
