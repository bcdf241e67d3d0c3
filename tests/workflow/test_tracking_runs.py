"""MLflow mirrors the training jobs: no twins, a run per spec, and never a reason to fail."""

import json
import sqlite3

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
    """The ledger only saves work: without it, or with a file of another place, runs are updated."""
    ledger = copied.path(".snakemake/tracked.json")
    ledger.unlink()
    done = copied.advtransfer("track")
    assert (done.returncode, done.stdout) == (0, "MLflow: 4 training runs logged\n")
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
    copied.path(".snakemake/tracked.json").unlink()
    refused = copied.advtransfer("track", "--json", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert json.loads(refused.stdout) == {"runs_logged": 0}
    assert refused.stderr.startswith("warning: MLflow at http://127.0.0.1:9 not reached")
    for count in (4, 0):
        done = copied.advtransfer("track", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"runs_logged": count})
