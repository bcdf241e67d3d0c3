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

import logging
import os
import random
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from advtransfer import tracking_local
from advtransfer.ledger import Ledger
from advtransfer.provenance.masking import masked
from advtransfer.provenance.published_seals import here
from advtransfer.provenance.seal import Seal, SealError, read_seal, seal_path
from advtransfer.tracking_local import DATABASE
from advtransfer.tracking_values import CurvesError, curves, first_line, flat

if TYPE_CHECKING:
    from mlflow.entities import Run, RunInfo
    from mlflow.tracking import MlflowClient

EXPERIMENT = "advtransfer"
_SEAL, _SPEC = "advtransfer.seal", "advtransfer.spec"
# Of one run, with up to 6 s between them: enough for a crowd of writers, soon over where a server refuses for good.
_ATTEMPTS = 6


@dataclass(frozen=True)
class Tracked:
    """How many runs were logged, of how many training jobs; whether the server now has them all."""

    logged: int
    jobs: int
    whole: bool = True


class _DeletedError(Exception):
    """The experiment lies in the server's bin."""


def sync(root: Path, *, ask: bool, anew: bool = False) -> Tracked:
    """Logs every training job under ``root`` that the tracking server does not have.

    The server is MLFLOW_TRACKING_URI, by default SQLite in ``root``. Without ``ask`` it is left in peace where all
    jobs are known to have been logged there. The default is made anew if it can never be used; ``anew`` is for the
    call that follows on that. A job whose spec has a run already updates that run. Where the server cannot be
    reached, or does not take runs, one warning goes to stderr and nothing is raised.
    """
    server = os.environ.get("MLFLOW_TRACKING_URI")
    uri = server or tracking_local.uri(root / DATABASE, anew=anew)
    ledger = Ledger(
        root / ".snakemake" / "tracked.json",
        server or DATABASE,
        gone=not (server or ((root / DATABASE).exists() and not tracking_local.broken(root))),
    )
    seals = list(training_seals(root))
    if not seals or (not ask and ledger.known.issuperset(seal.id for seal in seals)):
        return Tracked(0, len(seals))
    there: dict[str, bool] = {}
    trouble = ""
    try:
        if not server:
            tracking_local.provide(root, partial(_set_up, root))
        for seal, new in _log_all(root, uri, seals):
            there[seal] = new
    except _DeletedError as error:
        trouble = f"MLflow at {uri}: {error}"
    except Exception as error:
        if not (server or anew) and _replaced(root):
            return sync(root, ask=ask, anew=True)
        # whatever a server or its client raises: tracking must never fail a computation
        logged = sum(there.values())
        done = f"{logged} of {len(seals)} training runs" if logged else "nothing"
        trouble = f"MLflow at {uri} not reached, {done} logged: {first_line(error)}"
    if trouble:
        print(f"warning: {masked(trouble)}", file=sys.stderr)
    ledger.keep({*there, *ledger.known} if trouble else set(there))
    return Tracked(sum(there.values()), len(seals), whole=not trouble)


def _replaced(root: Path) -> bool:
    """Whether the project's own database was broken, and there is a new one."""
    try:
        return tracking_local.replaced(root, partial(_set_up, root))
    except Exception:
        return False  # for the reason that is about to be told


def _set_up(root: Path, uri: str) -> None:
    """Has MLflow open a database, and make its tables if it has none."""
    _client(root, uri).get_experiment_by_name(EXPERIMENT)


def training_seals(root: Path) -> Iterator[Seal]:
    """The seals of all training jobs, in the order of their paths, as they tell of the jobs that were run here."""
    for path in sorted((root / "results" / "pretrain").rglob("*.seal")):
        try:
            seal = read_seal(path)
        except SealError:
            continue  # the audit's business
        if seal.spec.rule == "pretrain":
            yield here(seal, root)


def _client(root: Path, uri: str) -> MlflowClient:
    # A server that is down is noticed in seconds, not in MLflow's default of minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    if "://" in uri and not uri.startswith("http"):  # a database that is down, too
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = 4
    if _local(
        uri
    ):  # escaped: MLflow writes the folder of its default experiment into a statement of SQL as it is
        os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", (root / "mlruns").absolute().as_uri())
    return MlflowClient(tracking_uri=uri)


def _local(uri: str) -> bool:
    return uri.startswith("sqlite:///")


def _log_all(root: Path, uri: str, seals: list[Seal]) -> Iterator[tuple[str, bool]]:
    """(id, whether it was not there before) of the seals, each when the server has it; one whose curves cannot be read
    is told of and left out. Raises _DeletedError."""
    local = _local(uri)
    client = _client(root, uri)
    experiment = _experiment(client, uri, (root / "mlruns").absolute().as_uri() if local else None)
    runs = _Runs(client, experiment)
    for seal in seals:
        new = not runs.hold(seal)
        try:
            if new:
                _log(runs, seal, root, attach=not local)
        except CurvesError as error:
            print(f"warning: MLflow: a training run is not logged: {error}", file=sys.stderr)
            continue
        yield seal.id, new


def _experiment(client: MlflowClient, uri: str, location: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return client.create_experiment(EXPERIMENT, artifact_location=location)
        except MlflowException:
            found = client.get_experiment_by_name(EXPERIMENT)  # another writer was first
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":  # it takes no runs, and keeps its name
        command = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise _DeletedError(
            f"the experiment {EXPERIMENT} was deleted there, nothing logged; what restores it: "
            f"MLFLOW_TRACKING_URI={shlex.quote(uri)} {command}"
        )
    return found.experiment_id


class _Runs:
    """The runs of the experiment, one a spec."""

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self.client = client
        self._experiment = experiment
        self._of_spec: dict[str, list[RunInfo]] = {}
        self._finished: set[str] = set()
        for run in self._search(""):
            if digest := run.data.tags.get(_SPEC):
                self._of_spec.setdefault(digest, []).append(run.info)
                if run.info.status == "FINISHED":
                    self._finished.add(run.data.tags.get(_SEAL, ""))

    def hold(self, seal: Seal) -> bool:
        """Whether the one run of the seal's spec is of this seal, and whole: what finishes it is written last."""
        return seal.id in self._finished and len(self._of_spec[seal.spec.digest]) == 1

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

    made = {key: seal.told.get(key) for key in ("device", "started", "wall_seconds")}
    made["commit"] = (seal.told.get("git") or {}).get("commit")
    tags = {
        _SEAL: seal.id,
        **seal.spec.wildcards,
        **{f"made.{key}": value for key, value in made.items() if value is not None},
    }
    # The run's time, not this one's: a point of a curve that is written again must be the same point.
    metrics = [Metric(key, value, run.start_time, step) for key, step, value in curves(seal, root)]
    params = [Param(key, value) for key, value in flat(seal.spec.params)]
    for start in range(0, len(metrics), 1000):  # the most that one call may hold
        client.log_batch(run.run_id, metrics=metrics[start : start + 1000])
    if attach:
        sealed = (root / seal_path(seal.spec.primary)).read_text(encoding="utf-8")
        client.log_text(run.run_id, sealed, "seal.json")
    client.log_batch(run.run_id, params=params, tags=[RunTag(key, str(value)) for key, value in tags.items()])
    client.set_terminated(run.run_id, "FINISHED", end_time=run.start_time + _milliseconds(seal))


def _started(seal: Seal) -> int:
    """When the job began, in milliseconds; now if its seal does not tell."""
    started = seal.told.get("started")
    return int(1000 * datetime.fromisoformat(started).timestamp()) if started else time.time_ns() // 1_000_000


def _milliseconds(seal: Seal) -> int:
    """How long the job took; 0 if its seal does not tell."""
    return int(1000 * (seal.told.get("wall_seconds") or 0))
