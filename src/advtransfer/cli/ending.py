"""What a run leaves to say: what was computed and why; of what failed, the log's end and how to run it again."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from advtransfer.cli import causes
from advtransfer.cli.journal import Job, Run
from advtransfer.cli.overview import last_lines

SILENT = "it left no word: killed from outside, out of memory?"
FOLLOWS = "what it is made from was computed anew"
SHOWN_REASONS, SHOWN_FAILURES, SHOWN_LINES = 3, 3, 12
CALLED_AS = "ADVTRANSFER_CALLED_AS"  # what make's recipes say, as nobody typed `advtransfer` then
MISTAKE = re.compile(r": found .+, expected ")  # of a key or file: the same job would find it again
REASON_WIDTH = 100  # a list that one file more has shifted differs in every place behind it: `why` tells all


def computed(run: Run) -> Iterator[str]:
    """A line a rule: how many of its jobs ran, and why; how many were reused."""
    done = [job.plan for job in run.jobs.values() if job.ended and not job.failed]
    width = max((len(plan.rule) for plan in done), default=0)
    for rule in dict.fromkeys(plan.rule for plan in done):
        reasons = Counter(_short(plan.reason or FOLLOWS) for plan in done if plan.rule == rule)
        shown = reasons.most_common(SHOWN_REASONS)
        words = [f"{reason} ({count})" if len(reasons) > 1 else reason for reason, count in shown]
        more = reasons.total() - sum(count for _, count in shown)
        words += [f"{more} for other reasons"] * bool(more)
        yield f"  {rule:{width}}  {reasons.total():4}  {'; '.join(words)}"
    if run.reused:
        yield f"  {run.reused} jobs were fresh: their results are used as they are"


def _short(reason: str) -> str:
    return reason if len(reason) <= REASON_WIDTH else f"{reason[: REASON_WIDTH - 3]}..."


def failures(root: Path, run: Run, profile: Path) -> Iterator[str]:
    """The rule, the last lines and the log of the jobs that failed, and what computes just that job again.

    Jobs that failed alike, as those of several replicas do, are told of once.
    """
    failed = [job for job in run.jobs.values() if job.failed]
    outside = {job.plan.id: cause for job in failed if (cause := _outside(root, job))}
    if len(outside) == len(failed):  # they would fail again, and nothing in them is to be looked for
        yield from dict.fromkeys(outside.values())
        return
    groups = _alike(root, failed)
    for job, *others in groups[:SHOWN_FAILURES]:
        more = f" and {len(others)} more, for the same reason" if others else ""
        yield f"{job.plan.rule} failed: {job.plan.output}{more}"
        if job.message:
            yield f"    {job.message}"
        yield from (f"    {line}" for line in _last_words(root, job))
        yield f"  log: {_log(root, job)}"
        if not _mistaken(root, job):
            again = ["snakemake", "--workflow-profile", str(profile), "--", job.plan.output]
            yield f"  again: {shlex.join(again)}"
    for job in (job for group in groups[SHOWN_FAILURES:] for job in group):
        yield f"{job.plan.rule} failed: {job.plan.output}  log: {_log(root, job)}"


def _alike(root: Path, failed: list[Job]) -> list[list[Job]]:
    """Jobs of one rule whose logs end with the same lines, but for the names of their outputs; without a log, alone."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in failed:
        lines = last_lines(root / job.plan.log, SHOWN_LINES) or [job.plan.output, job.plan.log]
        said = [line.replace(job.plan.output, "OUTPUT") for line in lines]
        groups.setdefault((job.plan.rule, job.message, *said), []).append(job)
    return list(groups.values())


def _outside(root: Path, job: Job) -> str | None:
    """What outside of the job made it fail, as far as its log tells, or the disk that had no room for a word."""
    log = root / job.plan.log
    if lines := last_lines(log, SHOWN_LINES):
        return causes.cause_in("\n".join(lines))
    return causes.full_disk(log.parent) if log.is_file() else None


def _last_words(root: Path, job: Job) -> list[str]:
    log = root / job.plan.log
    silent = log.is_file() and not job.message
    return last_lines(log, SHOWN_LINES) or [SILENT] * silent


@dataclass(frozen=True)
class Call:
    """The options of a call of `advtransfer run`."""

    study: str = ""
    cores: str = ""
    profile: str = "default"


def goes_on(root: Path, run: Run | None, call: Call) -> str:
    """The last line of a run that failed: the command that goes on from there, as it was typed."""
    again = f"`{typed(call)}` goes on from there"
    failed = [job for job in run.jobs.values() if job.failed] if run else []
    first = "once that is mended, " if any(_mistaken(root, job) for job in failed) else ""
    return f"the run failed; {first}{again}"


def typed(call: Call) -> str:
    """A call of `advtransfer run`, or of make where it called that."""
    program = os.environ.get(CALLED_AS)
    given = [(name, value) for name, value in asdict(call).items() if value != getattr(Call, name)]
    options = [
        word
        for name, value in given
        for word in ([f"{name.upper()}={value}"] if program else [f"--{name}", value])
    ]
    return shlex.join([*(program or "advtransfer run").split(), *options])


def _mistaken(root: Path, job: Job) -> bool:
    """Whether a job ended by saying what it found and what it expected."""
    return any(MISTAKE.search(line) for line in last_lines(root / job.plan.log, 1))


def _log(root: Path, job: Job) -> str:
    return job.plan.log if (root / job.plan.log).exists() else f"{job.plan.log} (not written)"
