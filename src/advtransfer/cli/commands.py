"""Commands for people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from advtransfer.cli import completion
from advtransfer.cli.image_commands import demo, fetch
from advtransfer.cli.screen import AsJson, Screen, only_results, print_version, show

T = TypeVar("T")

app = typer.Typer(cls=Screen, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Does adversarial and semi-supervised pre-training transfer better?"""


@app.command()
def run(
    study: Annotated[
        str,
        typer.Option(
            envvar="STUDY",
            help="One study of params.yaml instead of the default ones.",
            autocompletion=completion.studies,
        ),
    ] = "",
    cores: Annotated[str, typer.Option(help="Cores to use, or all; by default the profile says.")] = "",
    profile: Annotated[
        str,
        typer.Option(
            envvar="PROFILE",
            help="Where the jobs run: a name in workflow/profiles, or a folder.",
            autocompletion=completion.profiles,
        ),
    ] = "default",
) -> None:
    """Compute what is not fresh, record it with DVC, show the claims.

    Example: advtransfer run --study digits
    Example: advtransfer run --profile slurm
    """
    from advtransfer.cli.run import run_studies
    from advtransfer.params import ParamsError

    if cores not in ("", "all") and not (cores.isdecimal() and int(cores) > 0):
        print(f"--cores: found {cores!r}, expected a whole number above 0, or all", file=sys.stderr)
        raise typer.Exit(2)
    try:
        raise typer.Exit(run_studies(Path.cwd(), study, cores, profile))
    except ParamsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def status(json_: AsJson = False) -> None:
    """Say how far the run in this folder is, or how the last one ended.

    Jobs by phase, where each running one is by its log, how long the rest may take, memory and GPUs in use.

    Example: advtransfer status
    """
    import time

    from advtransfer.cli.journal import read, why_closed
    from advtransfer.cli.overview import lines, overview

    run = read(Path.cwd())
    if not run and (closed := why_closed(Path.cwd())):
        print(closed, file=sys.stderr)
        raise typer.Exit(2)
    told = overview(Path.cwd(), run, time.time()) if run else None
    show(json_, told, "\n".join(lines(told)) if told else "no job has run in this folder yet")


app.command()(fetch)
app.command()(demo)


@app.command()
def why(
    path: Annotated[str, typer.Argument(help="Any file that a job makes.")],
    json_: AsJson = False,
) -> None:
    """Say why an artifact is stale, or what a fresh one was made of.

    The reason is one line; what a fresh artifact was made of is shown down to the raw data, with what is stale in it,
    and whether raw images are still those that were prepared, where they are here.

    Example: advtransfer why results/claims.json
    """
    from advtransfer.cli.plan import all_specs
    from advtransfer.cli.raw import raw_of
    from advtransfer.provenance.explain import UNKNOWN, explain

    plan = _planned(lambda: all_specs(Path.cwd()))
    explanation = explain(path, Path.cwd(), plan)
    if explanation.state == UNKNOWN:
        print(explanation.text(), file=sys.stderr)
        raise typer.Exit(2)
    raw = {found.dataset: found for found in raw_of(Path.cwd(), explanation.lineage)}
    document = explanation.to_dict() | {"raw": {name: vars(found) for name, found in raw.items()}}
    show(json_, document, "\n".join([explanation.text(), *(found.text for found in raw.values())]))


def _planned(plan: Callable[[], T]) -> T:
    """What a plan gives; the command ends with its exit code if it fails."""
    from advtransfer.cli.plan import PlanError
    from advtransfer.params import ParamsError

    try:
        return plan()
    except (ParamsError, PlanError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ParamsError) else 1) from None


@app.command()
def audit(
    recompute: Annotated[
        int, typer.Option(help="Run so many published jobs again, drawn at random, and compare.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of that draw.", min=0)] = 0,
    number: Annotated[
        str, typer.Option(help="Show what stands behind the number of this key, or all below it.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Want the published bytes, on whatever machine.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Check every published number and figure back to the raw data.

    The exit code is 0 only if all stands: by the same bytes, or reproduced on another kind of machine with the same
    verdicts and every number within its tolerance.

    Example: advtransfer audit --recompute 3 --seed 1
    """
    from advtransfer.cli.audit import audit as check
    from advtransfer.cli.audit import part, require_number
    from advtransfer.cli.audit_text import chain_text, text

    try:
        if number:
            require_number(Path.cwd(), number)
        report = _planned(lambda: check(Path.cwd(), recompute, seed, strict=strict))
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    if number:
        show(json_, part(report, number), chain_text(report, number))
    else:
        show(json_, report, text(report))
    raise typer.Exit(report["verdict"] == "fail")


@app.command()
def track(
    new: Annotated[
        bool, typer.Option("--new", help="Ask MLflow only if there are jobs that were not logged from here.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Mirror every sealed training job into MLflow.

    That is SQLite in this folder (mlflow.db), or the server of MLFLOW_TRACKING_URI; it is asked what it has.
    The exit code is 1 if it cannot be reached or takes no runs. With --new, as a run ends, that is only a warning.

    Example: MLFLOW_TRACKING_URI=http://127.0.0.1:5000 advtransfer track
    """
    from advtransfer.tracking import sync

    with only_results(json_):
        done = sync(Path.cwd(), ask=not new)
    text = f"MLflow: {done.logged} training runs logged"
    if not done.logged:
        jobs = f"those of all {done.jobs} jobs" if done.jobs > 1 else "that of the one job"
        has = f": MLflow has {jobs}" if done.jobs else ""
        text = f"no new training runs logged{has}" if done.whole else ""
    show(json_, {"runs_logged": done.logged}, text)
    raise typer.Exit(not (done.whole or new))


@app.command()
def publish(
    study: Annotated[
        str,
        typer.Option(
            help="One image study that is no default one; its record goes to reports/published/.",
            autocompletion=completion.studies_apart,
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: for scripts.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show what would change and write nothing.")] = False,
    json_: AsJson = False,
) -> None:
    """Write reports/published.json, or the record of another study.

    It shows what that changes and asks. The results must be those of params.yaml and the code as they are.
    Git should hold what is written.

    Example: advtransfer run && advtransfer publish
    """
    from advtransfer.cli.publish import publish as write

    raise typer.Exit(_planned(lambda: write(Path.cwd(), study, yes=yes, dry=dry, json_=json_)))


@app.command()
def crate(
    folder: Annotated[Path, typer.Argument(help="Where to write it: an empty folder, or none yet.")],
    json_: AsJson = False,
) -> None:
    """Export the provenance of the results as a Workflow Run RO-Crate.

    The crate carries the files that people read and names all others with their hashes (docs/crate.md).

    Example: advtransfer crate ../advtransfer-crate
    """
    from advtransfer.cli.crate import FILES, export_project
    from advtransfer.cli.plan import dry_run
    from advtransfer.provenance.crate.export import check_target
    from advtransfer.provenance.crate.project import CrateError, TargetError

    try:
        check_target(folder, Path.cwd(), FILES)
        _planned(lambda: dry_run(Path.cwd(), all_studies=True))
        done = export_project(Path.cwd(), folder)
    except TargetError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    except (CrateError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    document = {"folder": str(folder), "jobs": done.jobs, "files": done.files, "bytes": done.size}
    show(json_, document, f"{folder}: {done.jobs} jobs, {done.files} files, {done.size / 1e6:.1f} MB")


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,  # else the -- before the spec gets lost
    }
)
def job(context: typer.Context) -> None:
    """Run one job, as the rules do.

    Usage: advtransfer job [--threads N] [--gpus N [--least-gpus N]] OUT.. SEAL -- SPEC IN..

    Example: advtransfer job a.txt a.txt.seal -- .snakemake/spec/a.txt/spec.json
    """
    from advtransfer.cli.job import run as run_one

    run_one(context.args)
