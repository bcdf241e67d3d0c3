"""``advtransfer audit``: every check, every chain; as text, JSON and a page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from advtransfer.cli import published as published_files
from advtransfer.cli.audited import Published
from advtransfer.cli.plan import planned_specs
from advtransfer.cli.records import FOLDER, RECORD, StudyRecord, check_records, load_records
from advtransfer.evaluation import tolerance
from advtransfer.provenance.audit import code, content, lineage, machine, recorded
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recompute import draw, recompute
from advtransfer.provenance.audit.verdict import FAIL, PASS, Check
from advtransfer.provenance.environment import git_state
from advtransfer.provenance.files import atomic_write
from advtransfer.regular_files import why_unreadable

FOLDERS, RAW = ("data", "results", "reports/rendered"), "data/raw"
TOLERANCES = Path("reports/tolerances.yaml")
# Beside the rendered report, not in it: it tells of one place and time, so it is no artifact.
PAGE, DETAILS = Path("reports/audit/index.html"), Path("reports/audit/audit.json")
# Lines of findings of a check that a terminal gets, and modules or keys named in one of them.
_SHOWN, _NAMED = 6, 3


def audit(root: Path, count: int, seed: int) -> dict[str, Any]:
    """Checks, chains and jobs as a JSON value, written to ``reports/audit/`` too.

    ``count`` published jobs, drawn with ``seed``, are run again. Raises ParamsError, PlanError, or ValueError for wrong
    input: params.yaml, claims.yaml, tolerances.yaml, published.json.
    """
    tolerances = tolerance.load(root / TOLERANCES)
    plan = planned_specs(root, ["all"])
    records = load_records(root)
    evidence = Evidence.gather(root, FOLDERS, without=[RAW])
    published = Published.load(evidence)
    jobs = published.jobs()
    numbers, figures = published.number_chains(), published.figure_chains()
    checks = [
        content.sealed_bytes(evidence),
        code.fresh(evidence, plan, {*jobs, *plan}),
        recorded.lock_against_seals(evidence),
        recorded.remote_against_lock(evidence.root),
        published.unaltered(),
        published.recomputed(),
        published.picture(),
        published.traced(numbers, figures),
        code.committed(evidence, jobs),
        machine.environments(evidence, jobs),
        content.strays(evidence),
        *(check_records(root, records, planned_specs(root, list(records))) if records else ()),
    ]
    if count:
        compare = partial(tolerance.compare, tolerances=tolerances)
        drawn = draw(jobs & set(evidence.seals), count, seed)
        checks.append(recompute(drawn, evidence, root / "src", compare))
    report = _report(evidence, checks, numbers, figures) | {"apart": _apart(records, root)}
    _write(report, root)
    return report


def _report(
    evidence: Evidence, checks: list[Check], numbers: dict[str, Any], figures: list[dict[str, Any]]
) -> dict[str, Any]:
    steps = {step for about in (*numbers.values(), *figures) for step in about["chain"]}
    return {
        "verdict": FAIL if any(check.verdict == FAIL for check in checks) else PASS,
        "git": git_state(evidence.root),
        "checks": [check.to_dict() for check in checks],
        "numbers": numbers,
        "figures": figures,
        "steps": {step: lineage.describe(step, evidence) for step in sorted(steps)},
    }


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


def text(report: dict[str, Any]) -> str:
    """The checks for a person to read."""
    git = report["git"]
    where = (
        f"at commit {git['commit'][:12]}{', with uncommitted changes' if git['dirty'] else ''}"
        if git
        else "without git"
    )
    lines = [f"Audit {where}", ""]
    for check in report["checks"]:
        lines.append(f"{check['verdict']:13}  {check['name']}: {check['reason']}")
        lines += [f"{'':15}  {line}" for line in _in_short(check["findings"])]
    failed = [check["name"] for check in report["checks"] if check["verdict"] == FAIL]
    open_ = [check["name"] for check in report["checks"] if check["verdict"] not in (PASS, FAIL)]
    lines += ["", f"Does not stand: {', '.join(failed)}." if failed else "Everything published stands."]
    lines += [f"Could not be checked: {', '.join(open_)}."] if open_ else []
    lines += [f"Page: {PAGE}, details: {DETAILS}"] if report.get("written", True) else []
    return "\n".join(lines)


def _in_short(findings: Sequence[str]) -> Iterator[str]:
    """A few lines: findings with one reason together, the most frequent first, long lists cut."""
    alike: dict[str, list[str]] = {}
    for finding in findings:
        alike.setdefault(finding.partition(": ")[2] or finding, []).append(finding)
    groups = sorted(alike.items(), key=lambda group: -len(group[1]))
    for reason, group in groups[:_SHOWN]:
        first = group[0].partition(": ")[0]
        yield _cut(group[0]) if len(group) == 1 else f"{len(group)} (first: {first}): {_cut(reason)}"
    if more := sum(len(group) for _, group in groups[_SHOWN:]):
        yield f"and {more} more, see {DETAILS}"


def _cut(reason: str) -> str:
    things = reason.split(", ")
    if len(things) <= _NAMED + 1:
        return reason
    return f"{', '.join(things[:_NAMED])} and {len(things) - _NAMED} more"


def require_number(root: Path, prefix: str) -> None:
    """Raises ValueError, in one line, if no published number has a key that begins with ``prefix``."""
    records = load_records(root)
    keys = set(Published.load(Evidence(root, {}, {}, 0.0)).numbers)
    keys |= {key for record in records.values() if isinstance(record, StudyRecord) for key in record.numbers}
    if not any(key.startswith(prefix) for key in keys):
        places = f"{published_files.FILE}, {FOLDER}/*/{RECORD}"
        damaged = "".join(f"; {record}" for record in records.values() if isinstance(record, str))
        raise ValueError(
            f"--number: no published number has a key that begins {prefix!r}; see {places}{damaged}"
        )


def part(report: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The report on the numbers whose key begins with ``prefix`` alone, and on all checks."""
    apart = {study: _part(of_study, prefix) for study, of_study in report["apart"].items()}
    return {
        **{key: report[key] for key in ("verdict", "git", "checks")},
        **_part(report, prefix),
        "apart": {study: chosen for study, chosen in apart.items() if chosen["numbers"]},
    }


def _part(report: dict[str, Any], prefix: str) -> dict[str, Any]:
    numbers = {key: about for key, about in report["numbers"].items() if key.startswith(prefix)}
    steps = {step for about in numbers.values() for step in about["chain"]}
    return {"numbers": numbers, "steps": {step: report["steps"][step] for step in sorted(steps)}}


def chain_text(report: dict[str, Any], prefix: str) -> str:
    """What stands behind the numbers whose key begins with ``prefix``, then every check that failed."""
    chosen = part(report, prefix)
    blocks = [
        "\n".join(_chain(key, about, one["steps"]))
        for one in (chosen, *chosen["apart"].values())
        for key, about in one["numbers"].items()
    ]
    failed = [
        f"  {check['name']}: {check['reason']}" for check in report["checks"] if check["verdict"] == FAIL
    ]
    return "\n\n".join([*blocks, *(["\n".join(["Does not stand:", *failed])] if failed else [])])


def _chain(key: str, about: dict[str, Any], steps: dict[str, Any]) -> Iterator[str]:
    yield f"{key} = {about['value']}" if about["stands"] else _contradiction(key, about)
    where = ", ".join(f"{name} {' or '.join(values)}" for name, values in about["where"].items())
    yield f"  from {about['rows']} measurements{f' ({where})' if where else ''}"
    for name in about["chain"]:
        yield from _step(name, steps[name])


def _contradiction(key: str, about: dict[str, Any]) -> str:
    anew = "not to be computed anew here" if about["anew"] is None else f"computed anew {about['anew']}"
    return f"{key}: published {about['value']}, {anew}"


def _hash(step: dict[str, Any]) -> str:
    return f"sha256 {step['sha256']}" if step["sha256"] else "missing"


def _step(name: str, step: dict[str, Any]) -> Iterator[str]:
    if "raw" in step:
        yield f"  {name}: raw file, {_hash(step)}"
        return
    if "unsealed" in step:
        yield f"  {name}: no readable seal, so what made it is unknown; {_hash(step)}"
        return
    made, git = step["made"], step["made"].get("git") or {}
    yield f"  {name}: rule {step['rule']}, seal {step['seal'][:12]}"
    yield f"    params {json.dumps(step['params'], sort_keys=True)}"
    if not step["inputs"]:
        yield "    reads no file: its data come with a package or out of a seed"
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    yield f"    {len(step['code'])} modules of code, commit {git.get('commit', 'unknown')[:12]}{dirty}"
    packages = made.get("packages") or {}
    yield (
        f"    {made.get('interpreter')}, torch {packages.get('torch')}, lock file {str(made.get('lock_sha256'))[:12]}, "
        f"{made.get('device') or 'cpu'} ({made.get('cpu')}), {made.get('wall_seconds')} s"
    )
