"""What freshness by content costs at 2,000 artifacts, against Snakemake and DVC without it.

    python benchmarks/freshness.py

Fills a temporary folder with the real workflow over 1,428 made-up jobs (``bulk.py``) and prints, best of several:

- the verdict "nothing to be done" of a dry run, beside the same rules, inputs and outputs under plain modification
  times (the same Snakefile, its ``job`` without the guard);
- ``dvc status`` of the recorded project, beside ``dvc stage list``, which reads dvc.yaml and looks at no file;
- hashing every artifact, beside hashlib alone and sha256sum over the same files.

Expected: ratios of about 1.3, 1.5 and 1.3 in processor time, which is what to trust on a busy machine. Exit code 1 when
the verdict costs twice the plain one or more. Takes some minutes and 300 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bulk import SNAKEMAKE, make

from advtransfer.provenance.hashing import Hasher

GOAL = 2.0  # times the plain verdict
DVC = [sys.executable, "-m", "dvc"]
# Replaces the input functions of the rules: the files they name, without spec, slice, closure and seal.
UNGUARDED = """

def job(stage, outputs, *, inputs=lambda w: {}, **rest):
    return inputs
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and of processor time, children included."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s ({self.processor:5.2f} s of processor time)"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=16, help="blocks of replicas a study")
    parser.add_argument("--size", type=int, default=65_536, help="bytes an artifact")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "project"
        artifacts = make(root, studies=asked.studies, blocks=asked.blocks, size=asked.size)
        print(f"{len(artifacts)} artifacts of {asked.size} bytes, best of {asked.repeats}")
        ratio = verdict(root, asked.repeats)
        status(root, asked.repeats)
        hashing(artifacts, asked.repeats)
    return int(ratio >= GOAL)


def verdict(root: Path, repeats: int) -> float:
    """Processor time of a dry run over fresh artifacts, in units of the same without the guard."""
    plain = root / "plain"
    shutil.copytree(root / "workflow", plain / "workflow")
    shutil.copyfile(root / "Snakefile", plain / "Snakefile")
    (plain / "src").symlink_to(root / "src")
    with (plain / "workflow/rules/common.smk").open("a", encoding="utf-8") as file:
        file.write(UNGUARDED)
    first = measure(lambda: nothing_to_do(root, root))
    best = best_of(
        repeats,
        {
            "verdict by seals": lambda: nothing_to_do(root, root),
            "by modification times": lambda: nothing_to_do(root, plain),
        },
    )
    shutil.rmtree(plain)
    print(f"first verdict of all, which reads every byte: {first}")
    return report(best, f"goal < {GOAL:g}")


def nothing_to_do(root: Path, workflow: Path) -> None:
    """A dry run; it must find everything fresh."""
    command = [*SNAKEMAKE, "--dry-run", "--snakefile", str(workflow / "Snakefile")]
    said = run(root, *command)
    assert "Nothing to be done" in said, said


def status(root: Path, repeats: int) -> None:
    """`dvc status` after every phase was recorded by `dvc repro`, for which nothing is left to compute."""
    run(root, "git", "init", "--quiet")
    run(root, *DVC, "repro", "--quiet")

    def up_to_date() -> None:
        said = run(root, *DVC, "status")
        assert said == "Data and pipelines are up to date.\n", said

    report(
        best_of(
            repeats, {"dvc status": up_to_date, "dvc stage list": lambda: run(root, *DVC, "stage", "list")}
        )
    )


def hashing(artifacts: list[Path], repeats: int) -> None:
    """Every byte of every artifact."""
    names = "\0".join(map(str, artifacts))
    command = ["xargs", "-0", "sha256sum"]

    def by_hasher() -> None:
        hasher = Hasher(None)
        for path in artifacts:
            hasher.sha256(path)

    def by_hashlib() -> None:
        for path in artifacts:
            hashlib.sha256(path.read_bytes()).hexdigest()

    def by_command() -> None:
        subprocess.run(
            command, input=names, encoding="utf-8", errors="replace", stdout=subprocess.DEVNULL, check=True
        )

    best = best_of(repeats, {"hashing": by_hasher, "hashlib": by_hashlib, "sha256sum": by_command})
    megabytes = sum(path.stat().st_size for path in artifacts) / 1e6
    report(best, ", ".join(f"{name} {megabytes / cost.wall:.0f} MB/s" for name, cost in best.items()))


def report(costs: Mapping[str, Cost], remark: str = "") -> float:
    """Print a measurement above its baseline; the ratio of their processor times."""
    measured, baseline = list(costs.values())[:2]
    for name, cost in costs.items():
        print(f"{name:24} {cost}")
    ratio = measured.processor / baseline.processor
    print(f"{'  ratio':24} {measured.wall / baseline.wall:6.2f}   ({ratio:5.2f})  {remark}")
    return ratio


def best_of(repeats: int, tasks: Mapping[str, Callable[[], object]]) -> dict[str, Cost]:
    """The least cost of each task; they take turns, so that what else the machine does hits all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            costs[name].append(measure(task))
    return {
        name: Cost(min(cost.wall for cost in found), min(cost.processor for cost in found))
        for name, found in costs.items()
    }


def measure(task: Callable[[], object]) -> Cost:
    before, start = os.times(), time.perf_counter()
    task()
    wall, after = time.perf_counter() - start, os.times()
    return Cost(wall, sum(after[:4]) - sum(before[:4]))


def run(root: Path, *command: str) -> str:
    """What a command prints; it must succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
    own = {"PATH": path, "PYTHONPATH": str(root / "src"), "DVC_SITE_CACHE_DIR": str(root.parent / "dvc")}
    done = subprocess.run(
        command,
        cwd=root,
        env=os.environ | own,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
