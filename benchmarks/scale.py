"""What the workflow itself costs as studies grow: jobs whose stages do nothing, under the real rules, guard and seals.

    python benchmarks/scale.py 100 1000 10000

Makes a project of about so many jobs (``bulk.py``: one study, more blocks of replicas), then prints for each size

- plan: a dry run with nothing computed, which builds the graph and writes every spec;
- no-op: the verdict "nothing to be done" over fresh artifacts, the first (every file is hashed) and the second time;
- change: a dry run after one value of one variant has changed;
- throughput: jobs a second, and processor seconds a job, in the first ``--seconds`` of a run whose stages write a word;

each with the peak memory of Snakemake; the last columns are the exponents between this size and the one before: 1 is
linear. On a busy machine trust processor time. Needs 400 MB of disk for 10,000 jobs.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from bulk import SNAKEMAKE, make

from advtransfer.provenance.hashing import hash_cache

JOBS_A_BLOCK = 22  # split, teacher's labels, nine variants, eleven representations transferred
OTHER_JOBS = 11  # images, collect, claims, report, summary, site, five indexes
STAGE = '''"""Does nothing."""


def main(params, inputs, outputs):
    for path in outputs.values():
        path.write_text("nothing")
'''


@dataclass(frozen=True)
class Cost:
    """Of one process, its children's processor time included."""

    wall: float
    processor: float
    mib: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="+", help="numbers of jobs, ascending")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the trivial jobs run")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    before: dict[str, tuple[int, Cost]] = {}
    for size in asked.sizes:
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            root = Path(name) / "project"
            jobs = fill(root, size)
            print(f"\n{jobs} jobs, {sum(1 for _ in root.rglob('*.seal'))} seals")
            for what, cost in planned(root):
                show(what, cost, jobs, before)
            found = throughput(root, asked.seconds, asked.cores)
            print(
                f"  {'throughput':14} {found.rate:7.2f} jobs/s on {asked.cores} cores, processor seconds a job: "
                f"{found.of_snakemake:.3f} of Snakemake, {found.of_the_job:.3f} of the job, {found.mib:6.0f} MiB"
            )


def fill(root: Path, size: int) -> int:
    """A project of about ``size`` jobs, all fresh; how many they are."""
    blocks = max(1, (size - OTHER_JOBS) // JOBS_A_BLOCK)
    make(root, studies=1, blocks=blocks, size=1000)
    return sum(1 for _ in (root / ".snakemake/spec").rglob("spec.json"))


def planned(root: Path) -> Iterator[tuple[str, Cost]]:
    """The verdicts, by name."""
    hidden = [(root / name, root / f"{name}.hidden") for name in ("data", "results", "reports/rendered")]
    for folder, elsewhere in hidden:
        folder.rename(elsewhere)
    yield "plan", dry_run(root, "total")
    for folder, elsewhere in hidden:
        elsewhere.rename(folder)
    hash_cache(root).unlink(missing_ok=True)  # a project younger than two seconds has none
    yield "no-op, first", dry_run(root, "Nothing to be done")
    yield "no-op, again", dry_run(root, "Nothing to be done")
    params = root / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace("eps: 0.5", "eps: 0.25", 1), encoding="utf-8")
    yield "change", dry_run(root, "total")
    params.write_text(text, encoding="utf-8")


def dry_run(root: Path, expected: str) -> Cost:
    """A dry run, which must say what is expected."""
    said, cost = measure([*SNAKEMAKE, "--dry-run", "--quiet", "rules"], root)
    assert expected in said, said
    return cost


def measure(command: list[str], root: Path) -> tuple[str, Cost]:
    """What a command printed, and what it cost."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=root, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        output.seek(0)
        said = output.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)}\n{said}")
    return said, Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@dataclass(frozen=True)
class Throughput:
    """Of trivial jobs under Snakemake: jobs a second, processor seconds a job of both, peak MiB of Snakemake."""

    rate: float
    of_snakemake: float
    of_the_job: float
    mib: float


def throughput(root: Path, seconds: float, cores: int) -> Throughput:
    """Measured from the first seal on, for some seconds or to the last job."""
    for stage in (root / "src/advtransfer/stages").glob("[a-z]*.py"):
        stage.write_text(STAGE, encoding="utf-8")
    old = set(written(root))
    with (root / "run.log").open("wb") as log:
        command = [*SNAKEMAKE, "--cores", str(cores), "--quiet", "rules"]
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=log)
        while not ended(process) and not new(root, old):
            time.sleep(0.2)
        first, began, spent = len(new(root, old)), time.monotonic(), processor(process)
        now, done = spent, first
        while not ended(process) and time.monotonic() - began < seconds:
            time.sleep(1)
            now, done = processor(process), len(new(root, old))
        os.kill(process.pid, signal.SIGINT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    times, jobs = new(root, old), done - first
    assert jobs > 0, (root / "run.log").read_text(encoding="utf-8")
    own, others = ((after - before) / jobs for before, after in zip(spent, now, strict=True))
    rate = (len(times) - 1) * 1e9 / (times[-1] - times[0])
    return Throughput(rate, own, others, usage.ru_maxrss / 1024)


def processor(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Processor seconds of a process so far, and of those that it has waited for."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system, times.children_user + times.children_system


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended; what it cost stays to be asked."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def written(root: Path) -> Iterator[tuple[Path, int]]:
    """Seals and when they were written."""
    for folder in ("data", "results", "reports/rendered"):
        yield from ((path, path.stat().st_mtime_ns) for path in (root / folder).rglob("*.seal"))


def new(root: Path, old: set[tuple[Path, int]]) -> list[int]:
    """When the seals that are not among the old ones were written, ascending, in ns."""
    return sorted(time_ns for path, time_ns in written(root) if (path, time_ns) not in old)


def show(what: str, cost: Cost, jobs: int, before: dict[str, tuple[int, Cost]]) -> None:
    """One line; the exponents are those of processor time and memory."""
    growth = ""
    if what in before:
        fewer, less = before[what]
        exponents = [
            math.log(now / then) / math.log(jobs / fewer)
            for now, then in ((cost.processor, less.processor), (cost.mib, less.mib))
        ]
        growth = f"   exponents: time {exponents[0]:.2f}, memory {exponents[1]:.2f}"
    before[what] = jobs, cost
    print(
        f"  {what:14} {cost.wall:7.1f} s wall, {cost.processor:7.1f} s processor, {cost.mib:6.0f} MiB{growth}"
    )


if __name__ == "__main__":
    main()
