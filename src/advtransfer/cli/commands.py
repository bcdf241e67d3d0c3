"""Commands for people."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _about() -> None:
    """Does adversarial and semi-supervised pre-training transfer better to a target with few labels?"""


@app.command()
def run(
    study: Annotated[
        str, typer.Option(envvar="STUDY", help="One study of params.yaml instead of the default ones.")
    ] = "",
    cores: Annotated[str, typer.Option(help="Cores to use, or all.")] = "all",
) -> None:
    """Compute what is not fresh, record it with DVC, show the claims.

    Example: advtransfer run --study digits
    """
    from advtransfer.cli.run import run_studies
    from advtransfer.params import ParamsError

    try:
        raise typer.Exit(run_studies(Path.cwd(), study, cores))
    except ParamsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def why(path: Annotated[str, typer.Argument(help="Any file that a job makes.")]) -> None:
    """Say in one line why an artifact is stale, or show the whole lineage of a fresh one.

    Example: advtransfer why results/claims.json
    """
    from advtransfer.cli.run import WORKFLOW, load_checked
    from advtransfer.params import ParamsError
    from advtransfer.provenance.explain import why as explain

    try:
        load_checked(Path.cwd())
    except ParamsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    # a dry run writes the spec that each job should have now
    dry = subprocess.run(
        [*WORKFLOW, "--dry-run", "--quiet", "all"], capture_output=True, text=True, check=False
    )
    if dry.returncode:
        print((dry.stderr or dry.stdout).strip(), file=sys.stderr)
        raise typer.Exit(dry.returncode)
    print(explain(path, Path.cwd()))


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
def publish() -> None:
    """Write reports/published.json from the results of the default studies.

    Example: advtransfer run && advtransfer publish && git add dvc.lock reports/published.json
    """
    from advtransfer.cli.published import publish as write

    print(write(Path.cwd()))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def job(context: typer.Context) -> None:
    """Run one job, as the rules do: job [--threads N] [--gpus N] OUT.. SEAL -- SPEC IN..

    Example: advtransfer job a.parquet a.parquet.seal -- .snakemake/spec/a.parquet.json
    """
    from advtransfer.cli.job import run as run_one

    run_one(context.args)
