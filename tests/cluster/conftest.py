"""A Slurm of this machine's own, and what ran on it: a study, and jobs that a cluster treats roughly."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import patience
import pytest
import slurm_daemons
import tiny_project

CHECKOUT = Path(__file__).parents[2]
PROFILE = "workflow/profiles/slurm"
LOCAL_PROFILE = "workflow/profiles/default"
# What docs/cluster.md asks of a user: account and partitions; and a short wait between looks at the queue.
SITE = {
    "config.yaml": """\
default-resources:
  slurm_account: lab
slurm-partition-config: partitions.yaml
slurm-init-seconds-before-status-checks: 3
""",
    "partitions.yaml": "partitions:\n  cpu: {max_threads: 8}\n  gpu: {max_gpu: 2}\n",
}
# The tiny study without the variant that waits for another one, and what its jobs ask for. The machine has no GPU,
# only Slurm says so: the jobs that ask for one compute on the CPU.
EDITS = {
    "params.yaml": {
        "      pseudo-label: {labels: pseudo}\n": "",
        "    pseudo_labels: {teacher: clean, confidence_threshold: 0.0}\n": """\
    resources:
      pretrain: {gpu: 1, gpu_optional: true}
      transfer: {mem_mb: 2500, runtime: 20}
""",
    },
    "reports/claims.yaml": {"variant: pseudo-label, over": "variant: adversarial-l2, over"},
}

source = tiny_project.source


@pytest.fixture(scope="module")
def slurm() -> Iterator[slurm_daemons.Slurm]:
    """The cluster."""
    if reason := slurm_daemons.why_not():
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(slurm_daemons.cluster())
        except slurm_daemons.CannotStart as error:
            pytest.skip(f"no Slurm here: {error}")
        if running is None:
            pytest.skip("another test run has had a Slurm on this machine for ten minutes")
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A profile of the site, as SNAKEMAKE_PROFILE names it."""
    folder = tmp_path_factory.mktemp("site")
    for name, text in SITE.items():
        (folder / name).write_text(text)
    return str(folder)


@dataclass
class Rough:
    """A workflow whose jobs do not go well, at work beside the study."""

    folder: Path
    process: subprocess.Popen[bytes]

    def hurry(self, slurm: slurm_daemons.Slurm) -> None:
        """Once the job with the time limit is at work, bring its end forward: the limit is a minute at least."""
        if not (self.folder / "at-work-late").exists():
            return
        for number, job in slurm.jobs().items():
            late = job["Comment"] == "rule_late" and job["WorkDir"] == str(self.folder)
            if late and job["JobState"] == "RUNNING" and job["TimeLimit"] == "00:01:00":
                # refused in the second in which it began, or once it is over: then the next look is in time
                with contextlib.suppress(AssertionError):
                    slurm.call("scontrol", "update", f"JobId={number}", "EndTime=now")

    def finish(self, slurm: slurm_daemons.Slurm) -> int:
        """Its exit code, after it ended."""

        def ended() -> bool:
            self.hurry(slurm)
            return self.process.poll() is not None

        patience.until(ended, 120, every=1)
        return self.process.returncode


@pytest.fixture(scope="module")
def rough(slurm: slurm_daemons.Slurm, site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rough]:
    """tests/cluster/rough under the profile for Slurm, started early: a time limit is a minute at least."""
    folder = tmp_path_factory.mktemp("rough")
    shutil.copy(CHECKOUT / "tests/cluster/rough/Snakefile", folder)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--workflow-profile", str(CHECKOUT / PROFILE)],
            cwd=folder,
            env=os.environ | {"SNAKEMAKE_PROFILE": site},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield Rough(folder, process)
    _end(process)


@dataclass
class Study:
    """The tiny study, computed on the cluster in three runs, and what was seen between them."""

    project: tiny_project.Project
    # The same study after a run on this machine without the cluster.
    local: tiny_project.Project
    exit_codes: list[int] = field(default_factory=list)
    # Slurm's jobs of this study after each run, by the ids that it gave them.
    jobs: list[dict[str, dict[str, str]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    # What `advtransfer status` tells while run 1 is at work, and after each run.
    told: list[dict[str, Any]] = field(default_factory=list)
    # The comment of the job that `scancel` ended in run 1, and of one that was at work at the interrupt.
    cancelled: str = "rule_pretrain_wildcards_tiny_adversarial-l2_r000-002"
    interrupted: str = "rule_transfer_wildcards_tiny_low-contrast_clean_r000-002"


@pytest.fixture(scope="module")
def study(slurm, site, rough, source, tmp_path_factory) -> Iterator[Study]:
    """The data are prepared here. Run 1: `scancel` of one job, then Ctrl-C. Run 2: to the end. Run 3: again."""
    folder = tmp_path_factory.mktemp("cluster")
    project = source.copy_to(folder / "there")
    for name, edits in EDITS.items():
        for old, new in edits.items():
            project.edit(name, old, new)
    project.commit("What its jobs ask for")
    prepared = project.snakemake("--workflow-profile", LOCAL_PROFILE, "--", "data/prepared/INDEX")
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    study = Study(project, project.copy_to(folder / "here"))
    runs: list[subprocess.Popen[bytes]] = []

    def start(*command: str, where=project) -> subprocess.Popen[bytes]:
        output = folder / f"said-{len(runs)}"
        runs.append(where.start(sys.executable, "-m", *command, output=output, SNAKEMAKE_PROFILE=site))
        return runs[-1]

    def finish(run: subprocess.Popen[bytes]) -> None:
        study.exit_codes.append(run.wait(timeout=patience.limit(120)))
        study.said.append((folder / f"said-{runs.index(run)}").read_text())
        study.jobs.append(jobs())
        study.told.append(status())

    def status() -> dict[str, Any]:
        return json.loads(project.advtransfer("status", "--json").stdout)

    def jobs() -> dict[str, dict[str, str]]:
        return {number: job for number, job in slurm.jobs().items() if job["WorkDir"] == str(project.root)}

    def until(condition: Callable[[], bool]) -> None:
        def reached() -> bool:
            rough.hurry(slurm)
            return condition()

        patience.until(reached, 60, first, lambda: f"{(folder / 'said-0').read_text()}\n{jobs()}", every=0.5)

    def states(comment: str) -> list[str]:
        return [job["JobState"] for job in jobs().values() if job["Comment"] == comment]

    try:
        first = start("advtransfer", "run", "--profile", "slurm")
        local = start("snakemake", "--workflow-profile", LOCAL_PROFILE, where=study.local)
        until(lambda: states(study.cancelled) == ["RUNNING"])
        slurm.call(
            "scancel", *(number for number, job in jobs().items() if job["Comment"] == study.cancelled)
        )
        until(lambda: "RUNNING" in states(study.interrupted) and len(states(study.cancelled)) == 2)
        study.told.append(status())
        os.killpg(first.pid, signal.SIGINT)
        finish(first)
        finish(start("snakemake", "--workflow-profile", PROFILE))
        finish(start("snakemake", "--workflow-profile", PROFILE))
        assert local.wait(timeout=patience.limit(60)) == 0, (folder / "said-1").read_text()
        yield study
    finally:
        for run in runs:
            _end(run)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what a failed test left at work, with all that it started here."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
