"""Has Snakemake plan without running anything, which writes the spec that each job should have."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from advtransfer.cli import causes
from advtransfer.cli.completion import APART
from advtransfer.cli.read_only import writable
from advtransfer.cli.run import WORKFLOW, load_checked
from advtransfer.params import ParamsError
from advtransfer.provenance import children
from advtransfer.provenance.masking import masked
from advtransfer.provenance.spec import Spec, load_spec, spec_path


class PlanError(Exception):
    """Snakemake cannot plan; the message is what it printed."""


def dry_run(root: Path, *, all_studies: bool) -> bool:
    """Whether everything is fresh. Raises ParamsError for wrong input, PlanError if Snakemake fails."""
    params = load_checked(root)
    targets = ["all", *(params.studies if all_studies else ())]
    return _fresh(root, targets)


def check_apart(root: Path, study: str) -> None:
    """Raises ParamsError for a study that cannot be published apart, and as ``load_checked``.

    That is an unknown one, one of simulations, since a record holds transfers, or a default one, since those are
    published together.
    """
    params = load_checked(root)
    able = [
        name
        for name, block in params.studies.items()
        if block.kind in APART and name not in params.default_studies
    ]
    if study not in able:
        raise ParamsError(
            f"--study: found {study!r}, expected an image study that is no default one: "
            f"{', '.join(able) or 'there is none'}"
        )


def fresh_study(root: Path, study: str) -> bool:
    """Whether everything of a study is fresh. Raises as ``dry_run``, and as ``check_apart``."""
    check_apart(root, study)
    return _fresh(root, [study])


def _fresh(root: Path, targets: Iterable[str]) -> bool:
    return "Nothing to be done" in _snakemake(root, "--dry-run", "--quiet", "rules", targets=targets)


def all_specs(root: Path) -> dict[str, Spec]:
    """``planned_specs`` of every study of params.yaml."""
    return planned_specs(root, ["all", *load_checked(root).studies])


def planned_specs(root: Path, targets: Collection[str]) -> dict[str, Spec]:
    """Primary output -> the spec of its job, for every job of some studies (``all``: the default ones).

    A study that params.yaml does not know has none. Raises as ``dry_run``.
    """
    params = load_checked(root)
    known = [target for target in targets if target == "all" or target in params.studies]
    if not known:
        return {}
    with writable(root) as (folder, variables):
        lines = _snakemake(folder, "--summary", targets=known, **variables).splitlines()
        outputs = [line.split("\t")[0] for line in lines[1:] if "\t" in line]
        specs = {path: folder / spec_path(path) for path in outputs}
        return {path: load_spec(file) for path, file in specs.items() if file.is_file()}


def _snakemake(root: Path, *arguments: str, targets: Iterable[str], **variables: str) -> str:
    """What Snakemake says; targets are ``all`` and names of studies, variables change the environment."""
    pages = ["all" if target == "all" else f"reports/rendered/{target}.html" for target in targets]
    command = [*WORKFLOW, *arguments, "--", *pages]
    done = children.run(command, cwd=root, env=os.environ | variables)
    if done.returncode:
        said = masked((done.stderr or done.stdout).strip())
        raise PlanError(causes.cause_in(said) or said)
    return done.stdout if arguments[0] == "--summary" else done.stdout + done.stderr
