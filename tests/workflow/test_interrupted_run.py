"""Killed at any moment, a run goes on to the bytes that it would have made; two runs never meet.

The run that is killed here starts from a clone of the published project without DVC's cache, in another folder: it
is also the second full run, whose bytes must be those of the first.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import patience
import psutil
import pytest
import yaml

from advtransfer.provenance.seal import SealError, read_seal

RUN = (sys.executable, "-m", "advtransfer", "run")
# Wall times are theirs to show, or in what they list.
TIMINGS = "reports/rendered/artifacts.html"
SEALS_WITH_TIMINGS = {"reports/rendered/index.html.seal", "reports/rendered/INDEX.seal"}


def readable_seals(project):
    found = {}
    for name in project.files():
        if name.endswith(".seal"):
            try:
                found[name] = read_seal(project.path(name))
            except SealError:
                continue
    return found


def kill_when(ready, project, moment):
    """Start a run, wait, kill all its processes without warning; the artifacts that then pass for whole."""
    process = project.start(*RUN, output=project.root.parent / "killed.log")
    try:
        project.wait(process, ready)
        time.sleep(moment.uniform(0, 0.6) * patience.pace())
        assert process.poll() is None, "the run was over before it was killed"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    present = project.artifacts()
    whole = {}
    for seal in readable_seals(project).values():
        hashes = {path: seal.sha256[path] for path in seal.spec.output_paths}
        if hashes.items() <= present.items():
            whole |= hashes
    return whole


@pytest.fixture(scope="module")
def killed(built, tmp_path_factory):
    """A clone whose first run is killed twice while it computes and once while it records."""
    project = built.clone_to(tmp_path_factory.mktemp("workflow") / "an other" / "clone")
    assert project.files() == set()
    moment = random.Random(20210618)
    lock = project.path("dvc.lock").read_text()
    project.after = {}
    for number in range(2):
        enough = len(readable_seals(project)) + moment.randint(1, 4)
        project.after[f"kill {number}"] = kill_when(
            lambda enough=enough: len(readable_seals(project)) >= enough, project, moment
        )
    project.after["kill while recording"] = kill_when(
        lambda: project.path("dvc.lock").read_text() != lock, project, moment
    )
    project.said["resumed"] = project.run().stdout
    return project


def test_what_passed_for_whole_after_a_kill_was_whole(built, killed):
    truth = built.artifacts()
    sizes = []
    for whole in killed.after.values():
        whole.pop(TIMINGS, None)
        assert whole.items() <= truth.items()
        sizes.append(len(whole))
    assert 0 < sizes[0] <= sizes[1] < sizes[2]


def test_the_resumed_run_finishes_clean(killed):
    assert "C1-linear" in killed.said["resumed"]
    assert killed.pending() == set()
    assert killed.tool("dvc", "status") == "Data and pipelines are up to date.\n"
    assert not [name for name in killed.files() if "/.tmp-" in name]
    assert not any(killed.path(".snakemake/locks").iterdir())


def test_two_runs_in_two_folders_make_the_same_bytes(built, killed):
    first = {name: digest for name, digest in built.artifacts().items() if "/other" not in name}
    second = killed.artifacts()
    assert first.pop(TIMINGS) and second.pop(TIMINGS)
    assert second == first


def test_two_runs_in_two_folders_make_the_same_seals(built, killed):
    first = {name: seal.id for name, seal in built.seals().items() if "/other" not in name}
    second = {name: seal.id for name, seal in killed.seals().items()}
    assert second.keys() == first.keys()
    assert {name for name in first if first[name] != second[name]} <= SEALS_WITH_TIMINGS


def test_a_clone_without_cache_records_what_it_computed(killed):
    """dvc.lock now speaks of this run, and the cache holds it whole, without what the kills left behind."""
    cache = killed.path(".dvc/cache/files/md5")

    def content(md5):
        return (cache / md5[:2] / md5[2:]).read_bytes()

    outs = [
        out
        for stage in yaml.safe_load(killed.path("dvc.lock").read_text())["stages"].values()
        for out in stage["outs"]
    ]
    recorded = set()
    for out in outs:
        if out["md5"].endswith(".dir"):
            entries = {f"{out['path']}/{e['relpath']}": e["md5"] for e in json.loads(content(out["md5"]))}
        else:
            entries = {out["path"]: out["md5"]}
        for path, md5 in entries.items():
            assert content(md5) == killed.path(path).read_bytes(), path
        recorded |= entries.keys()
    assert recorded == killed.files()
    assert killed.tool("git", "diff", "--name-only").split() == ["dvc.lock"]


def test_a_second_run_at_once_is_refused_in_one_line(copied, tmp_path):
    first = copied.start(*RUN, output=tmp_path / "first.log")
    try:
        copied.wait(first, lambda: f"process {first.pid} " in copied.path(".snakemake/run.lock").read_text())
        os.killpg(first.pid, signal.SIGSTOP)
        second = copied.advtransfer("run")
        os.killpg(first.pid, signal.SIGCONT)
        assert second.returncode == 1
        assert second.stdout == ""
        (line,) = second.stderr.splitlines()
        assert f"process {first.pid} " in line
        assert first.wait(timeout=patience.limit(60)) == 0
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
    assert "0 jobs ran" in (tmp_path / "first.log").read_text()


@pytest.mark.parametrize("victim", ["the driver", "Snakemake"])
def test_one_process_of_a_run_is_killed_alone_and_the_next_run_finishes(copied, tmp_path, victim):
    """What outlives it goes on working in the folder, with Snakemake's lock or under it."""
    copied.edit("params.yaml", "{shots: [1, 2], l2_strength: 10.0}", "{shots: [1, 2], l2_strength: 11.0}")
    process = copied.start(*RUN, output=tmp_path / "killed.log")
    locks = copied.path(".snakemake/locks")
    copied.wait(process, lambda: locks.is_dir() and any(locks.iterdir()))
    time.sleep(patience.pace())
    snakemake = psutil.Process(process.pid).children()[0]
    os.kill(process.pid if victim == "the driver" else snakemake.pid, signal.SIGKILL)
    process.wait()
    said = copied.run().stdout
    assert "jobs ran" in said and "Report: " in said
    assert copied.run().stdout.count("Everything was fresh") == 1


def test_a_lock_of_dvc_whose_holder_is_dead_does_not_stop_a_run(copied):
    """DVC believes any process with the holder's id: a killed one that nobody has reaped, one that has its id now."""
    unreaped = subprocess.Popen(["true"])
    patience.until(lambda: psutil.Process(unreaped.pid).status() == psutil.STATUS_ZOMBIE, 1)
    holders = {"data/prepared": unreaped.pid, "results/pretrain": os.getpid()}
    lock = {
        str(copied.path(path)): {"pid": pid, "cmd": f"{sys.executable} -m dvc repro"}
        for path, pid in holders.items()
    }
    copied.path(".dvc/tmp/rwlock").write_text(json.dumps({"write": lock, "read": {}}))
    assert "Everything was fresh" in copied.run().stdout
    unreaped.wait()
