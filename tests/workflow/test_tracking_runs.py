"""MLflow mirrors the training jobs: no twins, a run per spec, and never a reason to fail."""

import json
import sqlite3
import sys

import pytest

ADVERSARIAL = "results/pretrain/tiny/adversarial-l2/r000-002.safetensors"


def eps_of_runs(project):
    """The eps of each run of the adversarial variant."""
    query = (
        "SELECT params.value FROM runs JOIN params ON params.run_uuid = runs.run_uuid "
        "WHERE runs.name LIKE 'tiny/adversarial-l2/%' AND params.key = 'perturbation.attack.eps'"
    )
    with sqlite3.connect(project.path("mlflow.db")) as database:
        return sorted(row[0] for row in database.execute(query))


def count_runs(project):
    with sqlite3.connect(project.path("mlflow.db")) as database:
        return database.execute(
            "SELECT count(*), count(DISTINCT name), min(status), max(status) FROM runs"
        ).fetchone()


def test_a_spec_has_one_run_and_another_spec_has_its_own(copied):
    """The ledger only saves work: without it, or with a file of another place, nothing is written twice."""
    ledger = copied.path(".snakemake/tracked.json")
    ledger.unlink()
    done = copied.advtransfer("track")
    assert (done.returncode, done.stdout) == (
        0,
        "no new training runs logged: MLflow has those of all 4 jobs\n",
    )
    assert count_runs(copied) == (4, 4, "FINISHED", "FINISHED")
    assert ledger.exists()

    copied.edit("params.yaml", "eps: 0.5, steps: 2", "eps: 1.0, steps: 2")
    done = copied.snakemake("--cores", "1", "--rerun-triggers", "mtime", "--", ADVERSARIAL)
    assert done.returncode == 0, done.stderr
    assert "MLflow: 1 training runs logged" in done.stdout + done.stderr
    assert count_runs(copied) == (5, 4, "FINISHED", "FINISHED")
    assert eps_of_runs(copied) == ["0.5", "1.0"]


def test_an_unreachable_server_is_one_warning(copied):
    """One job runs, so the training jobs are to be logged; DVC records the new resources by calling Snakemake again."""
    copied.path("reports/rendered/INDEX").unlink()
    copied.edit("params.yaml", "    seed: 7\n", "    seed: 7\n    resources: {pretrain: {mem_mb: 900}}\n")
    lock = copied.path("dvc.lock").read_text()
    done = copied.run(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "1 jobs ran" in done.stdout
    warnings = [line for line in (done.stdout + done.stderr).splitlines() if "MLflow" in line]
    assert len(warnings) == 1, warnings
    assert warnings[0].startswith("warning: MLflow at http://127.0.0.1:9 not reached")
    assert copied.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert "mem_mb: 900" in copied.path("dvc.lock").read_text()
    assert "mem_mb" not in lock


def test_a_script_reads_how_many_runs_were_logged(copied):
    copied.path("mlflow.db").unlink()
    refused = copied.advtransfer("track", "--json", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert (refused.returncode, json.loads(refused.stdout)) == (1, {"runs_logged": 0})
    assert refused.stderr.startswith("warning: MLflow at http://127.0.0.1:9 not reached")
    for count in (4, 0):
        done = copied.advtransfer("track", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"runs_logged": count})


# -- what the server has, not what this folder remembers ---------------------------------------------------------------


def mlflow(project, *command):
    return project.tool(
        "env", "MLFLOW_TRACKING_URI=sqlite:///mlflow.db", sys.executable, "-m", "mlflow", *command
    )


def test_by_hand_it_asks_the_server_what_is_there(copied):
    """A run that somebody deleted is logged again; one of an earlier seal is brought up to date."""
    with sqlite3.connect(copied.path("mlflow.db")) as database:
        (gone,) = database.execute("SELECT run_uuid FROM runs WHERE name LIKE 'tiny/clean/%'").fetchone()
        (old,) = database.execute("SELECT run_uuid FROM runs WHERE name LIKE 'tiny/pseudo%'").fetchone()
        database.execute(
            "UPDATE tags SET value = 'x' WHERE key = 'advtransfer.seal' AND run_uuid = ?", (old,)
        )
    mlflow(copied, "runs", "delete", "--run-id", gone)
    assert (
        copied.advtransfer("track", "--new").stdout
        == "no new training runs logged: MLflow has those of all 4 jobs\n"
    )
    assert copied.advtransfer("track").stdout == "MLflow: 2 training runs logged\n"
    with sqlite3.connect(copied.path("mlflow.db")) as database:
        alive = "SELECT count(*), count(DISTINCT name) FROM runs WHERE lifecycle_stage = 'active'"
        assert database.execute(alive).fetchone() == (4, 4)


def test_a_deleted_experiment_is_said_so_with_what_restores_it(copied):
    with sqlite3.connect(copied.path("mlflow.db")) as database:
        (number,) = database.execute(
            "SELECT experiment_id FROM experiments WHERE name = 'advtransfer'"
        ).fetchone()
    mlflow(copied, "experiments", "delete", "--experiment-id", str(number))
    done = copied.advtransfer("track")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "the experiment advtransfer was deleted there" in line
    command = line.partition("what restores it: ")[2]
    restored = copied.call("bash", "-c", command.replace("mlflow exp", f"{sys.executable} -m mlflow exp"))
    assert restored.returncode == 0, restored.stderr
    assert (
        copied.advtransfer("track").stdout == "no new training runs logged: MLflow has those of all 4 jobs\n"
    )


def test_without_a_training_it_says_that_there_is_none(fresh):
    assert fresh.advtransfer("track").stdout == "no new training runs logged\n"


# -- passwords ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_password_is_neither_printed_nor_kept(copied, scheme):
    login = {
        "MLFLOW_TRACKING_URI": f"{scheme}://robot:hunter%402@127.0.0.1:9",
        "AWS_SECRET_ACCESS_KEY": "abcdef123",
    }
    copied.path("reports/rendered/INDEX").unlink()
    said = [copied.advtransfer("track", **login), copied.run(**login)]
    for done in said:
        assert f"MLflow at {scheme}://***@127.0.0.1:9 not reached" in done.stderr + done.stdout
        for secret in ("hunter", "abcdef123", "robot:"):
            assert secret not in done.stdout + done.stderr
    kept = [path for path in copied.root.rglob("*") if path.is_file() and b"hunter" in path.read_bytes()]
    assert kept == []


def test_a_login_that_an_earlier_version_kept_is_dropped(copied):
    ledger = copied.path(".snakemake/tracked.json")
    ledger.write_text(json.dumps(json.loads(ledger.read_text()) | {"http://u:hunter2@host:5000": ["a"]}))
    copied.advtransfer("track")
    assert set(json.loads(ledger.read_text())) == {"mlflow.db", "http://***@host:5000"}
