"""``advtransfer audit``: every check, every chain; as text, JSON and a page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from advtransfer.cli.audited import Published
from advtransfer.cli.conclusion import TOLERANCES, concluded
from advtransfer.cli.judged import Judge, traced
from advtransfer.cli.plan import planned_specs
from advtransfer.cli.published_file import FILE, PublishedFile
from advtransfer.cli.recordable import FOLDERS, RAW
from advtransfer.cli.records import FOLDER, RECORD, StudyRecord, check_records, load_records
from advtransfer.cli.standing import Standing
from advtransfer.evaluation import tolerance
from advtransfer.evaluation.published import CLAIM
from advtransfer.provenance.audit import code, content, lineage, machine, recorded, remote
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recompute import draw, recompute
from advtransfer.provenance.audit.verdict import FAIL, PASS, REPRODUCED, Check, overall
from advtransfer.provenance.environment import git_state
from advtransfer.provenance.files import atomic_write
from advtransfer.regular_files import why_unreadable

# Beside the rendered report, not in it: it tells of one place and time, so it is no artifact.
PAGE, DETAILS = Path("reports/audit/index.html"), Path("reports/audit/audit.json")


def audit(root: Path, count: int, seed: int, *, strict: bool = False) -> dict[str, Any]:
    """Checks, chains and jobs as a JSON value, written to ``reports/audit/`` too.

    ``count`` published jobs, drawn with ``seed``, are run again. ``strict`` wants the published bytes. Raises
    ParamsError, PlanError, or ValueError for wrong input: params.yaml, claims.yaml, tolerances.yaml, published.json.
    """
    tolerances = tolerance.load(root / TOLERANCES)
    plan = planned_specs(root, ["all"])
    records = load_records(root)
    evidence = Evidence.gather(root, FOLDERS, without=[RAW])
    published = Published.load(evidence, tolerances)
    jobs = published.jobs()
    numbers, figures = published.number_chains(), published.figure_chains()
    sealed, fresh = content.sealed_bytes(evidence), code.fresh(evidence, plan, {*jobs, *plan})
    chains = traced(published, numbers, figures)
    judge = Judge(published, _standing(published, [sealed, fresh, chains]))
    checks = [
        sealed,
        fresh,
        recorded.lock_against_seals(evidence),
        remote.remote_against_lock(evidence.root),
        judge.unaltered(),
        judge.recomputed(),
        judge.picture(),
        chains,
        code.committed(evidence, jobs),
        judge.environments(machine.environments(evidence, jobs)),
        content.strays(evidence),
        *(check_records(root, records, planned_specs(root, list(records))) if records else ()),
    ]
    if count:
        compare = partial(tolerance.compare, tolerances=tolerances)
        drawn = draw(jobs & set(evidence.seals), count, seed)
        checks.append(recompute(drawn, evidence, root / "src", compare))
    verdict = overall(checks)
    report = {
        "verdict": FAIL if strict and verdict == REPRODUCED else verdict,
        "strict": strict,
        "conclusion": concluded(judge).text,
        "git": git_state(evidence.root),
        "checks": [check.to_dict() for check in checks],
        "machines": published.file.machines,
        "numbers": judge.told(numbers),
        "claims": judge.claims_told(),
        "figures": figures,
        "steps": _steps([*numbers.values(), *figures], evidence),
        "apart": _apart(records, root),
    }
    _write(report, root)
    return report


def _standing(published: Published, checks: Iterable[Check]) -> Standing:
    """What may differ here: nothing, where files, seals, code or chains do not hold."""
    broken = [check.name for check in checks if check.verdict != PASS]
    doubt = f"nothing is excused while these fail: {', '.join(broken)}" if broken else ""
    evidence = published.evidence
    return Standing(published.file, evidence, recorded.recorded_paths(evidence), doubt)


def _steps(abouts: Iterable[Mapping[str, Any]], evidence: Evidence) -> dict[str, Any]:
    steps = {step for about in abouts for step in about["chain"]}
    return {step: lineage.describe(step, evidence) for step in sorted(steps)}


def _apart(records: Mapping[str, StudyRecord | str], root: Path) -> dict[str, Any]:
    """Study published apart -> its numbers and the steps behind them; none of one whose record is damaged."""
    found = {}
    for study, record in records.items():
        with suppress(OSError, ValueError, KeyError, TypeError):  # its check has said so
            if isinstance(record, StudyRecord):
                found[study] = record.chains(root)
    return found


def _write(report: dict[str, Any], root: Path) -> None:
    """Page and details; where nothing can be written, one line says so on stderr: what was found is shown anyway."""
    from advtransfer.reporting.audit_page import render

    report["written"] = True
    try:
        atomic_write(root / DETAILS, json.dumps(report, indent=1) + "\n")
        atomic_write(root / PAGE, render(report))
    except OSError as error:
        report["written"] = False
        print(
            f"{PAGE}, {DETAILS}: not written ({why_unreadable(error)}); --json prints the details",
            file=sys.stderr,
        )


def require_number(root: Path, wanted: str) -> None:
    """Raises ValueError, in one line, if nothing published has the key ``wanted``, or one that goes on from it."""
    records = load_records(root)
    try:
        published = [PublishedFile.load(root).results]
    except FileNotFoundError:
        raise ValueError(f"{FILE}: not there: nothing is published (`advtransfer publish`)") from None
    published += [record.results for record in records.values() if isinstance(record, StudyRecord)]
    if not any(asked(key, wanted) for results in published for key in results.values()):
        places = f"{FILE}, {FOLDER}/*/{RECORD}"
        damaged = "".join(f"; {record}" for record in records.values() if isinstance(record, str))
        raise ValueError(
            f"--number: no published number has the key {wanted!r} or one that goes on from it with a /; "
            f"see {places}{damaged}"
        )


def asked(key: str, wanted: str) -> bool:
    """Whether a key is the one that is asked for, or lies below it."""
    return key == wanted or key.startswith(f"{wanted.rstrip('/')}/")


def part(report: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """The report on the numbers and claims that are asked for alone, and on all checks."""
    apart = {study: _part(of_study, wanted) for study, of_study in report["apart"].items()}
    return {
        **{key: report[key] for key in ("verdict", "git", "checks")},
        "machines": report["machines"],
        **_part(report, wanted),
        "apart": {study: chosen for study, chosen in apart.items() if chosen["numbers"]},
    }


def _part(report: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    claims = {
        key: about
        for key, about in report["claims"].items()
        if any(asked(name, wanted) for name in (key, *(f"{key}/{field}" for field in CLAIM)))
    }
    numbers = {
        key: about
        for key, about in report["numbers"].items()
        if asked(key, wanted) or key.removesuffix("/estimate") in claims
    }
    steps = sorted({step for about in numbers.values() for step in about["chain"]})
    return {"numbers": numbers, "claims": claims, "steps": {step: report["steps"][step] for step in steps}}
