"""The one place that talks to MLflow: a mirror of the sealed training jobs.

The seals are the record; MLflow is a view of it that can be rebuilt at any time. One process writes, after the jobs,
so parallel jobs cannot lock a fresh SQLite file, a killed job leaves no run RUNNING, and neither an unreachable
server nor a compute node without network can fail or slow a computation. What could not be logged is logged by the
next call, and after `dvc pull` the runs of another machine appear as well.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.seal import Seal, SealError, read_seal

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "advtransfer"
DATABASE = "mlflow.db"
_SEAL, _SPEC = "advtransfer.seal", "advtransfer.spec"


def sync(root: Path) -> int:
    """Logs every training job under ``root`` that the tracking server does not have yet; returns how many.

    The server is MLFLOW_TRACKING_URI, by default SQLite in ``root``. A job whose spec has a run already updates that
    run. Where the server cannot be reached one warning goes to stderr and nothing is raised.
    """
    server = os.environ.get("MLFLOW_TRACKING_URI")
    uri = server or f"sqlite:///{root / DATABASE}"
    ledger = _Ledger(
        root / ".snakemake" / "tracked.json",
        server or DATABASE,
        gone=not (server or (root / DATABASE).exists()),
    )
    missing = [seal for seal in training_seals(root) if seal.id not in ledger.known]
    if not missing:
        return 0
    try:
        logged = _log_all(root, uri, missing)
    except Exception as error:
        # whatever a server or its client raises: tracking must never fail a computation
        print(f"warning: MLflow at {uri} not reached, nothing logged: {_first_line(error)}", file=sys.stderr)
        return 0
    ledger.add(logged)
    return len(logged)


def training_seals(root: Path) -> Iterator[Seal]:
    """The seals of all training jobs, in the order of their paths."""
    for path in sorted((root / "results" / "pretrain").rglob("*.seal")):
        try:
            seal = read_seal(path)
        except SealError:
            continue  # the audit's business
        if seal.spec.rule == "pretrain":
            yield seal


class _Ledger:
    """Seals known to be logged, per server: saves the second import of MLflow when there is nothing to do."""

    def __init__(self, path: Path, server: str, *, gone: bool) -> None:
        self._path, self._server = path, server
        try:
            self._all: dict[str, list[str]] = json.loads(path.read_text())
        except (OSError, ValueError):
            self._all = {}
        self.known = set() if gone else set(self._all.get(server, []))

    def add(self, seals: list[str]) -> None:
        self._all[self._server] = sorted({*self.known, *seals})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._path, json.dumps(self._all, indent=1))


def _log_all(root: Path, uri: str, seals: list[Seal]) -> list[str]:
    # A server that is down is noticed in seconds, not in MLflow's default of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = _experiment(client, root, uri)
    runs = _runs_by_spec(client, experiment)
    for seal in seals:
        _log(client, experiment, runs.get(seal.spec.digest), seal, root)
    return [seal.id for seal in seals]


def _experiment(client: MlflowClient, root: Path, uri: str) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found:
        return found.experiment_id
    location = (root / "mlruns").as_uri() if uri.startswith("sqlite:///") else None
    return client.create_experiment(EXPERIMENT, artifact_location=location)


def _runs_by_spec(client: MlflowClient, experiment: str) -> dict[str, str]:
    """spec digest -> run id of all runs of the experiment."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        found |= {run.data.tags[_SPEC]: run.info.run_id for run in page if _SPEC in run.data.tags}
        token = page.token
        if not token:
            return found


def _log(client: MlflowClient, experiment: str, run: str | None, seal: Seal, root: Path) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = time.time_ns() // 1_000_000
    names = seal.spec.wildcards
    if run is None:
        name = "/".join(names[key] for key in ("study", "variant", "block"))
        run = client.create_run(experiment, run_name=name, tags={_SPEC: seal.spec.digest}).info.run_id
    made = {key: seal.made.get(key) for key in ("device", "started", "wall_seconds")}
    made["commit"] = (seal.made.get("git") or {}).get("commit")
    tags = {
        _SEAL: seal.id,
        **names,
        **{f"made.{key}": value for key, value in made.items() if value is not None},
    }
    metrics = [Metric(key, value, now, step) for key, step, value in _curves(seal, root)]
    params = [Param(key, value) for key, value in _flat(seal.spec.params)]
    for start in range(0, len(metrics), 1000):  # the most that one call may hold
        client.log_batch(run, metrics=metrics[start : start + 1000])
    client.log_batch(run, params=params, tags=[RunTag(key, str(value)) for key, value in tags.items()])
    client.set_terminated(run, "FINISHED")


def _curves(seal: Seal, root: Path) -> Iterator[tuple[str, int, float]]:
    """(name, step, mean over replicas) of every learning curve."""
    import pandas as pd

    curves = pd.read_parquet(root / seal.spec.outputs["curves"]).drop(columns="replica")
    for step, row in curves.groupby("step").mean().iterrows():
        yield from ((str(name), int(str(step)), float(value)) for name, value in row.items())


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    else:
        yield key, json.dumps(value) if not isinstance(value, str) else value


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
