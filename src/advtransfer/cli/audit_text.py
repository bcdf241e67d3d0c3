"""What an audit says in a terminal: its checks, or what stands behind some numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from advtransfer.cli.audit import DETAILS, PAGE, part
from advtransfer.cli.conclusion import borderline_line
from advtransfer.evaluation.published import CLAIM, same
from advtransfer.provenance.audit.verdict import FAIL, REPRODUCED, UNCHECKED
from advtransfer.reporting.findings import grouped, thing

# Lines of findings of a check that a terminal gets, and modules or keys named in one of them.
_SHOWN, _NAMED = 6, 3
# What a person wants to read of a machine.
_MACHINE = ("processor", "device", "interpreter", "torch", "numpy", "scipy", "held to")


def text(report: Mapping[str, Any]) -> str:
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
    open_ = [check["name"] for check in report["checks"] if check["verdict"] == UNCHECKED]
    lines += ["", *verdict_lines(report)]
    lines += [f"Could not be checked: {', '.join(open_)}."] if open_ else []
    lines += [f"Page: {PAGE}, details: {DETAILS}"] if report.get("written", True) else []
    return "\n".join(lines)


def verdict_lines(report: Mapping[str, Any]) -> list[str]:
    """What an audit comes to: one of the three outcomes, and the claims that hang by a thread."""
    failed = [check["name"] for check in report["checks"] if check["verdict"] == FAIL]
    anew = [check["name"] for check in report["checks"] if check["verdict"] == REPRODUCED]
    border = borderline_line([key for key, about in report["claims"].items() if about["borderline"]])
    if failed:
        return [f"Does not stand: {', '.join(failed)}."]
    if not anew:
        return ["Everything published stands: the same bytes.", *border]
    if report["strict"]:
        return [
            f"Does not stand with --strict: {', '.join(anew)} are reproduced, not the same bytes.",
            *border,
        ]
    return [f"Everything published stands, {report['conclusion']}"]


def _in_short(findings: Sequence[str]) -> Iterator[str]:
    """A few lines: findings with one reason together, the most frequent first, long lists cut."""
    groups = grouped(findings)
    for reason, group in groups[:_SHOWN]:
        yield (
            _cut(group[0]) if len(group) == 1 else f"{len(group)} (first: {thing(group[0])}): {_cut(reason)}"
        )
    if more := sum(len(group) for _, group in groups[_SHOWN:]):
        yield f"and {more} more, see {DETAILS}"


def _cut(reason: str) -> str:
    things = reason.split(", ")
    if len(things) <= _NAMED + 1 or "; " in reason:
        return reason
    return f"{', '.join(things[:_NAMED])} and {len(things) - _NAMED} more"


def chain_text(report: Mapping[str, Any], wanted: str) -> str:
    """What stands behind the numbers and claims that are asked for, then every check that failed."""
    chosen = part(report, wanted)
    blocks = []
    for one in (chosen, *chosen["apart"].values()):
        for key, about in one["numbers"].items():
            claim = key.removesuffix("/estimate")
            lines = [
                *_value(key, about),
                *_claim(claim, one["claims"].get(claim)),
                *_behind(about, one, chosen),
            ]
            blocks.append("\n".join(lines))
    failed = [
        f"  {check['name']}: {check['reason']}" for check in report["checks"] if check["verdict"] == FAIL
    ]
    return "\n\n".join([*blocks, *(["\n".join(["Does not stand:", *failed])] if failed else [])])


def _value(key: str, about: Mapping[str, Any]) -> Iterator[str]:
    if not about["stands"]:
        yield _contradiction(key, about)
    elif same(about["value"], about["anew"]):
        yield f"{key} = {about['value']}"
    else:
        allowed = f"within its tolerance of {about['allowed']:.2g}"
        yield f"{key}: published {about['value']}, {about['anew']} here, {allowed}"


def _claim(key: str, about: Mapping[str, Any] | None) -> Iterator[str]:
    """Verdict, interval, p and n of a claim, one line each: as they can be asked for."""
    if about is None:
        return
    published, anew = about["value"], about["anew"]
    for name in CLAIM[1:]:
        old, new = ((values or {}).get(name) for values in (published, anew))
        if published is None:
            yield f"  {key}/{name}: {new} here; an older release did not publish it"
        elif anew is None or not same(old, new):
            yield f"  {key}/{name}: published {old}, {'not to be judged anew' if anew is None else f'{new} here'}"
        else:
            yield f"  {key}/{name} = {old}"
    if about["borderline"]:
        allowed = f"{about['allowed']:.2g}"
        yield f"  borderline: the verdict could be another within the tolerance of the estimate ({allowed})"


def _behind(about: Mapping[str, Any], one: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    where = ", ".join(f"{name} {' or '.join(values)}" for name, values in about["where"].items())
    yield f"  from {about['rows']} measurements{f' ({where})' if where else ''}"
    if about.get("machine") is not None:
        there = report["machines"][about["machine"]]
        told = [f"{name} {' and '.join(there[name])}" for name in _MACHINE if name in there]
        yield f"  published from jobs on {', '.join(told)}"
    for name in about["chain"]:
        yield from _step(name, one["steps"][name])


def _contradiction(key: str, about: Mapping[str, Any]) -> str:
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
