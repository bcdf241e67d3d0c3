"""What becomes of MLflow's database and of the ledger when they break: they are made anew from the seals."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from small_disk import small_disk


def count_runs(project):
    with sqlite3.connect(project.path("mlflow.db")) as database:
        return database.execute(
            "SELECT count(*), count(DISTINCT name), min(status), max(status) FROM runs"
        ).fetchone()


def only_sealed(built, root):
    """A folder that holds what tracking reads: seals and curves of trainings."""
    shutil.copytree(built.path("results/pretrain"), root / "results/pretrain")
    (root / "params.yaml").touch()
    return type(built)(root)


@pytest.fixture
def tracked(built, tmp_path):
    """A folder of its own with the database and the ledger of the computed project."""
    project = only_sealed(built, tmp_path / "tracked")
    for name in ("mlflow.db", ".snakemake/tracked.json"):
        project.path(name).parent.mkdir(exist_ok=True)
        shutil.copyfile(built.path(name), project.path(name))
    return project


def track(project, code=0):
    """What `advtransfer track` logs and says of it, with its exit code."""
    done = project.advtransfer("track", "--json", PYTHONPATH=os.pathsep.join(sys.path))
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["runs_logged"], done.stderr.splitlines()


def test_killed_at_any_moment_of_the_first_set_up_tracking_goes_on(built, tmp_path):
    """Eight kills, from the import of MLflow to the first runs."""
    project, moment, early = only_sealed(built, tmp_path / "killed"), random.Random(5), 0
    for _ in range(8):
        process = project.start(
            sys.executable,
            "-m",
            "advtransfer",
            "track",
            output=tmp_path / "log",
            PYTHONPATH=os.pathsep.join(sys.path),
        )
        while process.poll() is None and not list(project.root.glob(".tmp-*/mlflow.db")):
            time.sleep(0.002)
        time.sleep(moment.uniform(0, 1.5))
        early += process.poll() is None
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if project.path("mlflow.db").exists():
            assert "alembic_version" in tables(project)
            project.path("mlflow.db").unlink()
    assert early > 3, "the kills came too late"
    assert track(project) == (4, [])
    assert count_runs(project) == (4, 4, "FINISHED", "FINISHED")
    assert not list(project.root.glob(".tmp-*"))
    assert track(project) == (0, [])


def tables(project):
    with sqlite3.connect(project.path("mlflow.db")) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}


def half_set_up(path):
    """As a killed process leaves it: the first tables, no version."""
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER)")


def of_another_version(path):
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")


def torn(path):
    """A whole header and tables that no longer are."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(reversed(content[4096:])))


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    "damage",
    [
        half_set_up,
        of_another_version,
        torn,
        a_pipe,
        a_folder,
        a_link_to_itself,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no database" * 1000),
        lambda path: os.truncate(path, path.stat().st_size // 2),
    ],
)
def test_a_database_that_cannot_be_used_is_made_anew_and_the_old_one_is_kept(tracked, damage):
    damage(tracked.path("mlflow.db"))
    tracked.path(".snakemake/tracked.json").unlink()
    count, (line,) = track(tracked)
    assert count == 4
    assert line.startswith("mlflow.db cannot be used (")
    assert line.endswith("): made anew from the seals; the old one is mlflow.db.broken")
    assert os.path.lexists(tracked.path("mlflow.db.broken"))
    assert count_runs(tracked) == (4, 4, "FINISHED", "FINISHED")
    assert track(tracked) == (0, [])


def test_a_broken_database_is_noticed_though_all_is_known_to_be_logged(tracked):
    half_set_up(tracked.path("mlflow.db"))
    count, (line,) = track(tracked)
    assert (count, "its set-up was broken off" in line) == (4, True)


def test_what_another_database_left_beside_is_not_taken_for_the_new_ones(tracked):
    """A journal of a dead database would be rolled back into the new one."""
    tracked.path("mlflow.db").rename(tracked.path("mlflow.db-journal"))
    assert track(tracked) == (4, [])
    assert count_runs(tracked) == (4, 4, "FINISHED", "FINISHED")
    assert track(tracked) == (0, [])


def test_a_locked_database_is_left_as_it_is(tracked):
    tracked.path(".snakemake/tracked.json").unlink()
    with sqlite3.connect(tracked.path("mlflow.db"), isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        code = os.pathsep.join(sys.path)
        done = tracked.advtransfer("track", "--json", PYTHONPATH=code)
        assert json.loads(done.stdout) == {"runs_logged": 0}
        (line,) = done.stderr.splitlines()
        assert line.startswith("warning: MLflow at sqlite:///mlflow.db not reached, nothing logged: ")
        database.execute("ROLLBACK")
    assert track(tracked) == (0, []), "it has all four"
    assert not tracked.path("mlflow.db.broken").exists()


@pytest.mark.parametrize("kilobytes", [300, 700])
def test_a_full_disk_during_the_set_up_leaves_nothing_that_cannot_be_used(built, tmp_path, kilobytes):
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        project = only_sealed(built, disk)
        count, (line,) = track(project, code=1)
        assert count == 0
        assert "not reached, nothing logged: " in line and "disk" in line
        assert {path.name for path in disk.iterdir()} - {".snakemake"} == {"params.yaml", "results"}
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        assert track(project) == (4, [])


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"mlflow.db": 3}', b'{"mlflow.db": [{}]}', b"[" * 100_000, None]
)
def test_a_damaged_ledger_costs_work_alone(tracked, content):
    ledger = tracked.path(".snakemake/tracked.json")
    if content is None:
        ledger.unlink()
        ledger.mkdir()
    else:
        ledger.write_bytes(content)
    assert track(tracked) == (0, []), "the database has all four"
    assert count_runs(tracked) == (4, 4, "FINISHED", "FINISHED")
    assert len(json.loads(ledger.read_text())) == 1


@pytest.mark.parametrize("damage", [os.unlink, lambda path: os.truncate(path, 20), a_pipe])
def test_one_training_whose_curves_cannot_be_read_does_not_keep_the_others_out(tracked, damage):
    tracked.path("mlflow.db").unlink()
    curves = sorted(tracked.path("results/pretrain").rglob("*.curves.parquet"))[0]
    damage(curves)
    count, (line,) = track(tracked)
    assert count == 3
    assert line.startswith("warning: MLflow: a training run is not logged: ")
    assert str(curves.relative_to(tracked.root)) in line
