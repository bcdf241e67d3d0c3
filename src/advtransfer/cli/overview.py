"""How far a run is: the same for the process that started it, another terminal, and a script."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from advtransfer.cli import machine
from advtransfer.cli.journal import Job, Run
from advtransfer.provenance.masking import masked
from advtransfer.regular_files import open_regular

BAR = 20  # characters
TAIL = 4096  # bytes of a log that its last line is looked for in


def overview(root: Path, run: Run, now: float) -> dict[str, Any]:
    """A run as one JSON value.

    state: running, finished, failed (jobs did, others may have been left), stopped (before its end), or unknown: the
    run is another host's and has not said that it ended. jobs: how many are planned, done, running, left, failed, and
    were reused. phases: done and planned. running, failed: the jobs. seconds, seconds_left: so far, and as the jobs
    left took before; unknown: of how many of them nothing is known. memory (MiB), gpus: of a run on this machine.
    """
    alive = not run.ended and machine.at_work(run.pid, run.host, run.began)
    jobs = list(run.jobs.values())
    at_work = [job for job in jobs if job.running and alive is not False]
    failed = [job for job in jobs if job.failed or (job.running and alive is False)]
    done = sum(job.ended is not None and not job.failed for job in jobs)
    state = _state(alive, failed, done == len(jobs))
    end = now if alive is not False else run.ended or _last(run)
    return {
        "state": state,
        "host": run.host,
        "jobs": {
            "planned": len(jobs),
            "done": done,
            "running": len(at_work),
            "failed": len(failed),
            "left": len(jobs) - done - len(at_work) - len(failed),
            "reused": run.reused,
        },
        "phases": _phases(jobs),
        "seconds": round(end - run.began),
        **(_left(run, now) if alive is not False else {"seconds_left": 0, "unknown": 0}),
        "running": [_running(root, job, now) for job in at_work],
        "failed": [_failed(job) for job in failed],
        "memory": machine.memory(run.pid) if alive else None,
        "gpus": machine.gpus() if alive else [],
    }


def lines(told: dict[str, Any]) -> Iterator[str]:
    """An overview in words."""
    jobs = told["jobs"]
    filled = round(BAR * jobs["done"] / max(jobs["planned"], 1))
    counts = ", ".join(f"{jobs[name]} {name}" for name in ("running", "failed", "left") if jobs[name])
    yield (
        f"[{'#' * filled:.<{BAR}}] {jobs['done']} of {jobs['planned']} jobs done"
        + (f" ({counts})" if counts else "")
        + f", {jobs['reused']} reused"
    )
    yield f"{told['state']}, {_time(told)}"
    yield "   ".join(f"{name} {done}/{planned}" for name, (done, planned) in told["phases"].items())
    for job in told["running"]:
        yield f"  {job['rule']} {job['output']}  {_clock(job['seconds'])}"
        if job["line"]:
            yield f"    {job['line']}"
    for job in told["failed"]:
        yield f"  {job['rule']} {job['output']} failed  log: {job['log']}"
    if told["memory"]:
        yield _machine(told)


def _state(alive: bool | None, failed: list[Job], complete: bool) -> str:
    if alive is not False:
        return "running" if alive else "unknown"
    if complete:
        return "finished"
    return "failed" if any(job.failed for job in failed) else "stopped"


def _last(run: Run) -> float:
    """When a run that was killed last said something."""
    times = [time for job in run.jobs.values() for time in (job.started, job.ended) if time]
    return max([run.began, *times])


def _phases(jobs: list[Job]) -> dict[str, tuple[int, int]]:
    planned = Counter(job.plan.phase for job in jobs)
    done = Counter(job.plan.phase for job in jobs if job.ended and not job.failed)
    return {phase: (done[phase], count) for phase, count in planned.items()}


def _left(run: Run, now: float) -> dict[str, int]:
    """The time that the jobs left will take, at as many at once as there were so far.

    A job takes what it took the last time, else the mean of its rule's jobs in this run, else in earlier ones.
    """
    jobs = list(run.jobs.values())
    waiting = [job for job in jobs if job.ended is None]
    expected = [(job, _expected(job, jobs)) for job in waiting]
    left = sum(
        max(seconds - (now - job.started if job.started else 0.0), 0.0)
        for job, seconds in expected
        if seconds is not None
    )
    spent = sum((job.ended or now) - job.started for job in jobs if job.started)
    at_once = max(spent / max(now - run.began, 1e-9), 1.0)
    unknown = sum(seconds is None for _, seconds in expected)
    return {"seconds_left": round(left / at_once), "unknown": unknown}


def _expected(job: Job, jobs: list[Job]) -> float | None:
    if job.plan.seconds is not None:
        return job.plan.seconds
    alike = [other for other in jobs if other.plan.rule == job.plan.rule]
    seen = [other.ended - other.started for other in alike if other.started and other.ended]
    known = seen or [other.plan.seconds for other in alike if other.plan.seconds is not None]
    return mean(known) if known else None


def _running(root: Path, job: Job, now: float) -> dict[str, Any]:
    told = {"rule": job.plan.rule, "output": job.plan.output, "log": job.plan.log}
    return told | {"seconds": round(now - (job.started or now)), "line": last_line(root / job.plan.log)}


def _failed(job: Job) -> dict[str, Any]:
    told = {"rule": job.plan.rule, "output": job.plan.output, "log": job.plan.log}
    return told | {"message": job.message}


def last_line(log: Path) -> str:
    """The last line of a log that says something: of a training, where it is. Empty if there is none yet."""
    return next(iter(last_lines(log, 1)), "")


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log that say something, at most so many; none if there is no log."""
    try:
        with open_regular(log) as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TAIL, 0))
            text = file.read(TAIL).decode(errors="replace")
    except OSError:
        return []
    return [masked(line.rstrip()) for line in text.splitlines() if line.strip()][-count:]


def _time(told: dict[str, Any]) -> str:
    so_far = (
        f"{_clock(told['seconds'])} so far"
        if told["state"] in ("running", "unknown")
        else _clock(told["seconds"])
    )
    if told["state"] == "unknown":
        return f"{so_far}; only {told['host']} can tell whether it still runs"
    if told["state"] != "running":
        return so_far
    if told["unknown"] == told["jobs"]["left"] + told["jobs"]["running"] > 0:
        return f"{so_far}, time left not known yet"
    besides = f" and {told['unknown']} jobs of which no time is known" if told["unknown"] else ""
    return f"{so_far}, about {_clock(told['seconds_left'])} left{besides}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _machine(told: dict[str, Any]) -> str:
    held = told["memory"]
    words = [
        f"memory {_gib(held['run'])} of this run, {_gib(held['used'])} of {_gib(held['total'])} GiB in use"
    ]
    for gpu in told["gpus"]:
        words.append(f"GPU {gpu['index']} {gpu['load']} %, {_gib(gpu['used'])} of {_gib(gpu['total'])} GiB")
    return "   ".join(words)


def _gib(mib: int) -> str:
    return f"{mib / 1024:.1f}"
