"""Has Snakemake plan without running anything, which writes the spec that each job should have."""

from __future__ import annotations

import subprocess
from pathlib import Path

from advtransfer.cli.run import WORKFLOW, load_checked
from advtransfer.provenance.spec import Spec, load_spec, spec_path


class PlanError(Exception):
    """Snakemake cannot plan; the message is what it printed."""


def dry_run(root: Path, *, all_studies: bool) -> bool:
    """Whether everything is fresh. Raises ParamsError for wrong input, PlanError if Snakemake fails."""
    said = _snakemake(root, "--dry-run", "--quiet", "rules", all_studies=all_studies)
    return "Nothing to be done" in said


def planned_specs(root: Path) -> dict[str, Spec]:
    """Primary output -> the spec of its job, for every job of the default studies. Raises as ``dry_run``."""
    lines = _snakemake(root, "--summary", all_studies=False).splitlines()
    outputs = [line.split("\t")[0] for line in lines[1:] if "\t" in line]
    return {path: load_spec(root / spec_path(path)) for path in outputs if (root / spec_path(path)).is_file()}


def _snakemake(root: Path, *arguments: str, all_studies: bool) -> str:
    params = load_checked(root)
    pages = [f"reports/rendered/{name}.html" for name in params.studies] if all_studies else []
    command = [*WORKFLOW, *arguments, "--", "all", *pages]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlanError((done.stderr or done.stdout).strip())
    return done.stdout if arguments[0] == "--summary" else done.stdout + done.stderr
