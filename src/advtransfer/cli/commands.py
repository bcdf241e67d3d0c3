"""Commands for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _about() -> None:
    """Does adversarial and semi-supervised pre-training transfer better to a target with few labels?"""


@app.command()
def run(
    study: Annotated[
        str, typer.Option(envvar="STUDY", help="One study of params.yaml instead of the default ones.")
    ] = "",
    cores: Annotated[str, typer.Option(help="Cores to use, or all; by default the profile says.")] = "",
    profile: Annotated[
        str,
        typer.Option(envvar="PROFILE", help="Where the jobs run: a name in workflow/profiles, or a folder."),
    ] = "default",
) -> None:
    """Compute what is not fresh, record it with DVC, show the claims.

    Example: advtransfer run --study digits, or on a cluster: advtransfer run --profile slurm
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
def status(
    json_: Annotated[bool, typer.Option("--json", help="Print it as JSON instead of text.")] = False,
) -> None:
    """Say how far the run in this folder is, or how the last one ended.

    Example: advtransfer status
    """
    import time

    from advtransfer.cli.journal import read
    from advtransfer.cli.overview import lines, overview

    run = read(Path.cwd())
    told = overview(Path.cwd(), run, time.time()) if run else None
    if json_:
        print(json.dumps(told, indent=1))
    else:
        print("\n".join(lines(told)) if told else "no job has run in this folder yet")


@app.command()
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Torchvision sets among `datasets` of params.yaml; all by default."),
    ] = None,
) -> None:
    """Download image sets of torchvision into ADVTRANSFER_DATA (data/raw): the only command that does.

    Example: advtransfer fetch flowers
    """
    from advtransfer.cli.images import fetch_images
    from advtransfer.params import ParamsError, load_params

    try:
        fetch_images(load_params("params.yaml"), names or [])
    except (ParamsError, ValueError, OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ParamsError) else 1) from None


@app.command()
def why(path: Annotated[str, typer.Argument(help="Any file that a job makes.")]) -> None:
    """Say in one line why an artifact is stale, or show the whole lineage of a fresh one.

    Example: advtransfer why results/claims.json
    """
    from advtransfer.cli.plan import dry_run
    from advtransfer.provenance.explain import why as explain
    from advtransfer.provenance.spec import spec_path

    if not Path(path).exists() and not spec_path(path).exists():
        print(f"{path}: no such file, and no job makes it", file=sys.stderr)
        raise typer.Exit(2)
    _planned(lambda: dry_run(Path.cwd(), all_studies=True))
    print(explain(path, Path.cwd()))


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
        str, typer.Option(help="Show what stands behind the numbers whose key begins so.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print all of it as JSON instead of text.")] = False,
) -> None:
    """Check every published number and figure back to the raw data; exit code 0 only if all stands.

    Example: advtransfer audit --recompute 3 --seed 1
    """
    from advtransfer.cli.audit import audit as check
    from advtransfer.cli.audit import chain_text, text

    try:
        report = _planned(lambda: check(Path.cwd(), recompute, seed))
    except ValueError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    if json_:
        print(json.dumps(report, indent=1))
    else:
        print(chain_text(report, number) if number else text(report))
    raise typer.Exit(report["verdict"] != "pass")


@app.command()
def track() -> None:
    """Mirror every sealed training job into MLflow (SQLite here, or the server of MLFLOW_TRACKING_URI).

    Example: MLFLOW_TRACKING_URI=http://127.0.0.1:5000 advtransfer track
    """
    from advtransfer.tracking import sync

    count = sync(Path.cwd())
    if count:
        print(f"MLflow: {count} training runs logged")


@app.command()
def publish(
    study: Annotated[
        str, typer.Option(help="One study that is no default one; its record goes to reports/published/.")
    ] = "",
) -> None:
    """Write reports/published.json from the results of the default studies, or the record of another study.

    Example: advtransfer run && advtransfer publish && git add dvc.lock reports/published.json
    """
    from advtransfer.cli.plan import dry_run, fresh_study
    from advtransfer.cli.published import publish as write
    from advtransfer.cli.records import publish_study

    root = Path.cwd()
    if not _planned(lambda: fresh_study(root, study) if study else dry_run(root, all_studies=False)):
        print(
            "the results are not those of params.yaml and the code: `advtransfer run` first", file=sys.stderr
        )
        raise typer.Exit(1)
    print(publish_study(root, study) if study else write(root))


@app.command()
def crate(
    folder: Annotated[Path, typer.Argument(help="Where to write it: an empty folder, or none yet.")],
) -> None:
    """Export the provenance of the results as a Workflow Run RO-Crate, with the files that people read.

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
    print(f"{folder}: {done.jobs} jobs, {done.files} files, {done.size / 1e6:.1f} MB")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def job(context: typer.Context) -> None:
    """Run one job, as the rules do: job [--threads N] [--gpus N] OUT.. SEAL -- SPEC IN..

    Example: advtransfer job a.parquet a.parquet.seal -- .snakemake/spec/a.parquet/spec.json
    """
    from advtransfer.cli.job import run as run_one

    run_one(context.args)
