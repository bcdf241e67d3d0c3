"""``advtransfer audit``: every check, every chain; as text, JSON and a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from advtransfer.cli.audited import Published
from advtransfer.cli.plan import planned_specs
from advtransfer.cli.records import check_records, recorded_studies
from advtransfer.evaluation import tolerance
from advtransfer.provenance.audit import code, content, lineage, machine, recorded
from advtransfer.provenance.audit.evidence import Evidence
from advtransfer.provenance.audit.recompute import draw, recompute
from advtransfer.provenance.audit.verdict import FAIL, PASS, Check
from advtransfer.provenance.environment import git_state
from advtransfer.provenance.files import atomic_write

FOLDERS, RAW = ("data", "results", "reports/rendered"), "data/raw"
TOLERANCES = Path("reports/tolerances.yaml")
# Beside the rendered report, not in it: it tells of one place and time, so it is no artifact.
PAGE, DETAILS = Path("reports/audit/index.html"), Path("reports/audit/audit.json")
_SHOWN = 12


def audit(root: Path, count: int, seed: int) -> dict[str, Any]:
    """Checks, chains and jobs as a JSON value, written to ``reports/audit/`` too.

    ``count`` published jobs, drawn with ``seed``, are run again. Raises ParamsError, PlanError, or ValueError for wrong
    input: params.yaml, claims.yaml, tolerances.yaml, published.json.
    """
    tolerances = tolerance.load(root / TOLERANCES)
    plan = planned_specs(root, ["all"])
    apart = recorded_studies(root)
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
        *(check_records(root, planned_specs(root, apart)) if apart else ()),
    ]
    if count:
        compare = partial(tolerance.compare, tolerances=tolerances)
        drawn = draw(jobs & set(evidence.seals), count, seed)
        checks.append(recompute(drawn, evidence, root / "src", compare))
    report = _report(evidence, checks, numbers, figures)
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


def _write(report: dict[str, Any], root: Path) -> None:
    from advtransfer.reporting.audit_page import render

    atomic_write(root / DETAILS, json.dumps(report, indent=1) + "\n")
    atomic_write(root / PAGE, render(report))


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
        lines += [f"{'':15}  {finding}" for finding in check["findings"][:_SHOWN]]
        if (more := len(check["findings"]) - _SHOWN) > 0:
            lines.append(f"{'':15}  and {more} more, see {DETAILS}")
    failed = [check["name"] for check in report["checks"] if check["verdict"] == FAIL]
    open_ = [check["name"] for check in report["checks"] if check["verdict"] not in (PASS, FAIL)]
    lines += ["", f"Does not stand: {', '.join(failed)}." if failed else "Everything published stands."]
    lines += [f"Could not be checked: {', '.join(open_)}."] if open_ else []
    return "\n".join([*lines, f"Page: {PAGE}, details: {DETAILS}"])


def chain_text(report: dict[str, Any], prefix: str) -> str:
    """What stands behind the numbers whose key begins with ``prefix``, or that there are none."""
    chosen = {key: about for key, about in report["numbers"].items() if key.startswith(prefix)}
    if not chosen:
        return f"{prefix}: no published number has a key that begins so; see reports/published.json"
    return "\n\n".join("\n".join(_chain(key, about, report["steps"])) for key, about in chosen.items())


def _chain(key: str, about: dict[str, Any], steps: dict[str, Any]) -> Iterator[str]:
    yield f"{key} = {about['value']}"
    where = ", ".join(f"{name} {' or '.join(values)}" for name, values in about["where"].items())
    yield f"  from {about['rows']} measurements ({where})"
    for name in about["chain"]:
        yield from _step(name, steps[name])


def _step(name: str, step: dict[str, Any]) -> Iterator[str]:
    if "raw" in step:
        yield f"  {name}: raw file, sha256 {step['sha256']}"
        return
    made, git = step["made"], step["made"].get("git") or {}
    yield f"  {name}: rule {step['rule']}, seal {step['seal'][:12]}"
    yield f"    params {json.dumps(step['params'], sort_keys=True)}"
    if not step["inputs"]:
        yield "    reads no file: its data come with a package or out of a seed"
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    yield f"    {len(step['code'])} modules of code, commit {git.get('commit', 'unknown')[:12]}{dirty}"
    packages = made.get("packages", {})
    yield (
        f"    {made.get('interpreter')}, torch {packages.get('torch')}, lock file {str(made.get('lock_sha256'))[:12]}, "
        f"{made.get('device', 'cpu')} ({made.get('cpu')}), {made.get('wall_seconds')} s"
    )
