"""Many writers and a tracking server with PostgreSQL and S3 behind it: every spec ends with one finished run."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import patience
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import servers

import advtransfer
from advtransfer.provenance.seal import seal_path, write_seal
from advtransfer.provenance.spec import Spec

STEPS = 20
TRACK = [sys.executable, "-m", "advtransfer", "track"]
WRITERS, STUDIES, VARIANTS = 16, 4, 3
CREATE = "/mlflow/runs/create"  # the request that makes a run


class Server:
    """Where to write, and what was written."""

    def __init__(self, url, database, environment, artifacts):
        self.url, self._database, self._artifacts = url, database, artifacts
        source = str(Path(advtransfer.__file__).parents[1])
        self.environment = os.environ | environment | {"MLFLOW_TRACKING_URI": url, "PYTHONPATH": source}
        self.port = int(url.rpartition(":")[2])

    def rows(self, query, *values):
        """What the database answers."""
        database = psycopg2.connect(self._database)
        try:
            with database, database.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall()
        finally:
            database.close()

    def runs(self, study):
        """(spec, status, run) of all runs of studies that were not deleted."""
        query = """SELECT tags.value, runs.status, runs.run_uuid FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid
                   WHERE tags.key = 'advtransfer.spec' AND runs.lifecycle_stage = 'active' AND runs.name LIKE %s"""
        return self.rows(query, f"{study}%")

    def wait_for_runs(self, study, count, process):
        """Waits until a process at work has made so many."""
        patience.until(lambda: len(self.runs(study)) >= count, 20, process)

    def points(self, run):
        """How many points its curves have."""
        return self.rows("SELECT count(*) FROM metrics WHERE run_uuid = %s", run)[0][0]

    def attached(self, run):
        """The seal that is attached to a run."""
        (key,) = [key for key in servers.keys(self._artifacts, "tracking") if f"/{run}/" in key]
        return json.loads(self._artifacts.get_object(Bucket="tracking", Key=key)["Body"].read())

    def track(self, root, url=""):
        environment = self.environment | ({"MLFLOW_TRACKING_URI": url} if url else {})
        return subprocess.Popen(
            TRACK, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture(scope="module")
def server(s3, tmp_path_factory):
    if reason := servers.why_no_postgres():
        pytest.skip(reason)
    artifacts = servers.bucket(s3, "tracking")
    folder = tmp_path_factory.mktemp("mlflow")
    with (
        servers.postgres() as database,
        servers.mlflow(folder, database, "s3://tracking/runs", s3) as url,
    ):
        yield Server(url, database, s3, artifacts)


def checkout(root, study, variants, began=datetime(2026, 1, 1, tzinfo=UTC)):
    """A folder with the sealed training jobs of a study, as they are after a run; their specs."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").touch()  # by which a command knows a project
    seals = []
    for number in range(variants):
        names = {"study": study, "variant": f"variant-{number}", "block": "r000-001"}
        folder = Path("results/pretrain") / study / names["variant"]
        outputs = {"weights": f"{folder}/w.safetensors", "curves": f"{folder}/w.curves.parquet"}
        params = {"optimiser": {"steps": STEPS, "learning_rate": 3e-3}, "replicas": [0, 1]}
        spec = Spec("pretrain", "x.pretrain", names, params, {}, {}, outputs)
        (root / folder).mkdir(parents=True)
        steps = [step for step in range(STEPS) for _ in range(2)]
        table = {"step": steps, "replica": [0, 1] * STEPS, "loss": [1 / (1 + step) for step in steps]}
        pq.write_table(pa.table(table), root / outputs["curves"])
        made = {"started": began.isoformat(), "wall_seconds": 2.5, "device": "cpu"}
        file = root / seal_path(outputs["weights"])
        seals.append(write_seal(spec, dict.fromkeys(outputs.values(), "0" * 64), made, file))
    return {seal.spec.digest for seal in seals}


def test_sixteen_writers_at_once_lose_nothing_and_make_no_twins(server, tmp_path):
    """Four checkouts each of four studies: every spec has four writers, all of which find no run of it at first."""
    specs, folders = set(), [tmp_path / str(number) for number in range(WRITERS)]
    for number, folder in enumerate(folders):
        began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        specs |= checkout(folder, f"many-{number % STUDIES}", VARIANTS, began)
    command = [sys.executable, Path(__file__).with_name("writers.py"), *folders]
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # a writer counts what it wrote: not a run that another one had ended by then
    logged = [int(line) for line in done.stdout.split()]
    assert len(logged) == WRITERS and sum(logged) >= STUDIES * VARIANTS
    runs = server.runs("many-")
    assert len(specs) == STUDIES * VARIANTS
    assert sorted(spec for spec, _, _ in runs) == sorted(specs)
    assert {status for _, status, _ in runs} == {"FINISHED"}
    assert {server.points(run) for _, _, run in runs} == {STEPS}, "each point once, whoever wrote it"
    experiments = server.rows("SELECT count(*) FROM experiments WHERE name = 'advtransfer'")
    assert experiments == [(1,)]
    seal = server.attached(runs[0][2])
    assert seal["spec"]["rule"] == "pretrain" and seal["spec"]["wildcards"]["study"].startswith("many-")


def test_a_writer_killed_midway_leaves_nothing_running_once_the_next_is_done(server, tmp_path):
    specs = checkout(tmp_path, "killed", 20)
    with servers.relay(server.port, word=CREATE, count=4) as (port, _):
        process = server.track(tmp_path, f"http://127.0.0.1:{port}")
        server.wait_for_runs("killed", 4, process)
        process.kill()
        process.communicate()
    assert len(server.runs("killed")) == 4
    finished = [run for _, status, run in server.runs("killed") if status == "FINISHED"]
    done = server.track(tmp_path)
    logged = len(specs) - len(finished)
    assert done.communicate(timeout=patience.limit(20)) == (f"MLflow: {logged} training runs logged\n", "")
    runs = server.runs("killed")
    assert sorted(spec for spec, _, _ in runs) == sorted(specs)
    assert {status for _, status, _ in runs} == {"FINISHED"}
    assert {server.points(run) for _, _, run in runs} == {STEPS}
    (times,) = set(server.rows("SELECT end_time - start_time FROM runs WHERE name LIKE 'killed%'"))
    assert times == (2500,), "as long as the job took, not the writing"


def test_what_was_logged_before_the_server_went_away_is_not_logged_again(server, tmp_path):
    specs = checkout(tmp_path, "cut", 20)
    with servers.relay(server.port, word=CREATE, count=4) as (port, relay):
        url = f"http://127.0.0.1:{port}"
        process = server.track(tmp_path, url)
        server.wait_for_runs("cut", 4, process)
        relay.kill()
        said, warned = process.communicate(timeout=patience.limit(20))
    assert process.returncode == 1, "it was called by hand, and the server has not got all"
    logged = int(re.fullmatch(r"MLflow: (\d+) training runs logged\n", said).group(1))
    (line,) = warned.splitlines()
    assert line.startswith(f"warning: MLflow at {url} not reached, {logged} of 20 training runs logged: ")
    with servers.relay(server.port, at=port):
        done = server.track(tmp_path, url).communicate(timeout=patience.limit(20))
    assert done == (f"MLflow: {20 - logged} training runs logged\n", "")
    assert sorted(spec for spec, _, _ in server.runs("cut")) == sorted(specs)
    assert {status for _, status, _ in server.runs("cut")} == {"FINISHED"}
