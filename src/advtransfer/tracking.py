"""The one place that talks to MLflow: a mirror of the sealed training jobs.

The seals are the record; MLflow is a view of it that can be rebuilt at any time. One process writes, after the jobs,
so parallel jobs cannot lock a fresh SQLite file, a killed job leaves no run RUNNING, and neither an unreachable
server nor a compute node without network can fail or slow a computation. What could not be logged is logged by the
next call, and after `dvc pull` the runs of another machine appear as well.

Checkouts that share a server may write at the same moment, and MLflow has no unique names for runs. Whoever creates a
run therefore looks for others of the same spec and deletes all but the earliest: an order on which all agree, so that
one is left whoever comes when. Everything is written such that writing it twice changes nothing.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advtransfer import tracking_local
from advtransfer.provenance.files import atomic_write
from advtransfer.provenance.seal import Seal, SealError, read_seal, seal_path
from advtransfer.tracking_local import DATABASE

if TYPE_CHECKING:
    from mlflow.entities import Run, RunInfo
    from mlflow.tracking import MlflowClient

EXPERIMENT = "advtransfer"
_SEAL, _SPEC = "advtransfer.seal", "advtransfer.spec"
# Of one run, with up to 6 s between them: enough for a crowd of writers, soon over where a server refuses for good.
_ATTEMPTS = 6


def sync(root: Path) -> int:
    """Logs every training job under ``root`` that the tracking server does not have yet; returns how many.

    The server is MLFLOW_TRACKING_URI, by default SQLite in ``root``, which is made anew if it can never be used. A job
    whose spec has a run already updates that run. Where the server cannot be reached one warning goes to stderr and
    nothing is raised.
    """
    server = os.environ.get("MLFLOW_TRACKING_URI")
    uri = server or tracking_local.uri(root / DATABASE)
    ledger = _Ledger(
        root / ".snakemake" / "tracked.json",
        server or DATABASE,
        gone=not (server or ((root / DATABASE).exists() and not tracking_local.broken(root))),
    )
    missing = [seal for seal in training_seals(root) if seal.id not in ledger.known]
    if not missing:
        return 0
    logged: list[str] = []
    try:
        if not server:
            tracking_local.provide(root, _set_up)
        for seal in _log_all(root, uri, missing):
            logged.append(seal)
    except Exception as error:
        if not server and _replaced(root):
            return sync(root)
        # whatever a server or its client raises: tracking must never fail a computation
        done = f"{len(logged)} of {len(missing)} training runs" if logged else "nothing"
        print(f"warning: MLflow at {uri} not reached, {done} logged: {_first_line(error)}", file=sys.stderr)
    ledger.add(logged)
    return len(logged)


def _replaced(root: Path) -> bool:
    """Whether the project's own database was broken, and there is a new one."""
    try:
        return tracking_local.replaced(root, _set_up)
    except Exception:
        return False  # for the reason that is about to be told


def _set_up(uri: str) -> None:
    """Has MLflow open a database, and make its tables if it has none."""
    _client(uri).get_experiment_by_name(EXPERIMENT)


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
        self._all = tracking_local.listed(path)
        self.known = set() if gone else set(self._all.get(server, []))

    def add(self, seals: list[str]) -> None:
        self._all[self._server] = sorted({*self.known, *seals})
        try:
            if self._path.is_dir() and not self._path.is_symlink():
                self._path.rmdir()
            atomic_write(self._path, json.dumps(self._all, indent=1))
        except OSError as error:  # what is logged once more is the same run
            print(f"warning: {self._path} cannot be written: {error.strerror or error}", file=sys.stderr)


def _client(uri: str) -> MlflowClient:
    # A server that is down is noticed in seconds, not in MLflow's default of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _log_all(root: Path, uri: str, seals: list[Seal]) -> Iterator[str]:
    """The seals' ids, each when it is logged; one whose curves cannot be read is told of and left out."""
    local = uri.startswith("sqlite:///")
    client = _client(uri)
    experiment = _experiment(client, (root / "mlruns").as_uri() if local else None)
    runs = _Runs(client, experiment)
    for seal in seals:
        try:
            _log(runs, seal, root, attach=not local)
        except _CurvesError as error:
            print(f"warning: MLflow: a training run is not logged: {error}", file=sys.stderr)
            continue
        yield seal.id


def _experiment(client: MlflowClient, location: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return client.create_experiment(EXPERIMENT, artifact_location=location)
        except MlflowException:
            found = client.get_experiment_by_name(EXPERIMENT)  # another writer was first
            if found is None:
                raise
    return found.experiment_id


class _Runs:
    """The runs of the experiment, one a spec."""

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self.client = client
        self._experiment = experiment
        self._of_spec: dict[str, list[RunInfo]] = {}
        for run in self._search(""):
            if digest := run.data.tags.get(_SPEC):
                self._of_spec.setdefault(digest, []).append(run.info)

    def of(self, seal: Seal, *, again: bool) -> RunInfo:
        """The run of the seal's spec, or a new one; of several the earliest, which then is the only one.

        ``again`` looks for what others did since this object was made.
        """
        digest = seal.spec.digest
        found = self._now(digest) if again else self._of_spec.get(digest, [])
        earliest, *twins = sorted(
            found or self._created(seal), key=lambda info: (info.start_time, info.run_id)
        )
        for twin in twins:
            self.client.delete_run(twin.run_id)
        return earliest

    def _created(self, seal: Seal) -> list[RunInfo]:
        """A new run, and those that others created for the same spec meanwhile."""
        name = "/".join(seal.spec.wildcards[key] for key in ("study", "variant", "block"))
        tags = {_SPEC: seal.spec.digest}
        self.client.create_run(self._experiment, run_name=name, tags=tags, start_time=_started(seal))
        return self._now(seal.spec.digest)

    def _now(self, digest: str) -> list[RunInfo]:
        return [run.info for run in self._search(f"tags.`{_SPEC}` = '{digest}'")]

    def _search(self, condition: str) -> Iterator[Run]:
        token = None
        while True:
            page = self.client.search_runs(
                [self._experiment], filter_string=condition, max_results=1000, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return


def _log(runs: _Runs, seal: Seal, root: Path, *, attach: bool) -> None:
    """Writes a job's run. Raises MlflowException only for what does not pass.

    Another writer may delete the run, since it knows of an earlier one, or write the same values at the same moment,
    which the server refuses to one of the two.
    """
    from mlflow.exceptions import MlflowException

    for attempt in range(_ATTEMPTS):
        try:
            _write(runs.client, runs.of(seal, again=attempt > 0), seal, root, attach=attach)
            return
        except MlflowException:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.0, 0.2 * 2**attempt))


def _write(client: MlflowClient, run: RunInfo, seal: Seal, root: Path, *, attach: bool) -> None:
    """Everything that MLflow is to know of a job; ``attach`` also gives it the seal, for those without the files."""
    from mlflow.entities import Metric, Param, RunTag

    made = {key: seal.made.get(key) for key in ("device", "started", "wall_seconds")}
    made["commit"] = (seal.made.get("git") or {}).get("commit")
    tags = {
        _SEAL: seal.id,
        **seal.spec.wildcards,
        **{f"made.{key}": value for key, value in made.items() if value is not None},
    }
    # The run's time, not this one's: a point of a curve that is written again must be the same point.
    metrics = [Metric(key, value, run.start_time, step) for key, step, value in _curves(seal, root)]
    params = [Param(key, value) for key, value in _flat(seal.spec.params)]
    for start in range(0, len(metrics), 1000):  # the most that one call may hold
        client.log_batch(run.run_id, metrics=metrics[start : start + 1000])
    client.log_batch(run.run_id, params=params, tags=[RunTag(key, str(value)) for key, value in tags.items()])
    if attach:
        client.log_text(run.run_id, (root / seal_path(seal.spec.primary)).read_text(), "seal.json")
    client.set_terminated(run.run_id, "FINISHED", end_time=run.start_time + _milliseconds(seal))


def _started(seal: Seal) -> int:
    """When the job began, in milliseconds; now if its seal does not tell (nothing vouches for ``made``)."""
    try:
        return int(1000 * datetime.fromisoformat(seal.made["started"]).timestamp())
    except (KeyError, TypeError, ValueError):
        return time.time_ns() // 1_000_000


def _milliseconds(seal: Seal) -> int:
    """How long the job took; 0 if its seal does not tell."""
    try:
        return int(1000 * float(seal.made["wall_seconds"]))
    except (KeyError, TypeError, ValueError):
        return 0


class _CurvesError(Exception):
    """The learning curves of a job are not there to be logged."""


def _curves(seal: Seal, root: Path) -> Iterator[tuple[str, int, float]]:
    """(name, step, mean over replicas) of every learning curve."""
    import pandas as pd

    path = seal.spec.outputs.get("curves", "")
    try:
        if not (root / path).is_file():
            raise FileNotFoundError("missing, or no file")
        means = pd.read_parquet(root / path).drop(columns="replica").groupby("step").mean()
    except (
        Exception
    ) as error:  # whatever the reader of Parquet raises; the audit says what became of the file
        raise _CurvesError(f"{path} cannot be read: {_first_line(error)}") from None
    for step, row in means.iterrows():
        yield from ((str(name), int(str(step)), float(value)) for name, value in row.items())


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    else:
        yield key, json.dumps(value) if not isinstance(value, str) else value


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
