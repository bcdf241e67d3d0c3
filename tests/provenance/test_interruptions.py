"""Killed at any moment, a run is taken up where its seals end; runs at the same time do each other no harm."""

import contextlib
import os
import random
import re
import shutil
import signal
import sys
import time

import patience
from jobs import PAGE, SCORE, TRAIN, check, check_fresh, end, flip

from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import SealError, read_seal

KILLS = 20
# What `advtransfer run` does before it starts Snakemake.
CLEAR = """
import sys
from pathlib import Path
from advtransfer.cli import leftovers
leftovers.clear(Path.cwd(), [sys.executable, "-m", "snakemake"])
"""


def whole(toy):
    """Artifact -> hash, for those that pass for whole: the seal holds."""
    hasher, found = Hasher(None), {}
    for file in toy.path("out").rglob("*.seal"):
        try:
            seal = read_seal(file)
        except SealError:
            continue
        outputs = {path: seal.sha256[path] for path in seal.spec.output_paths if toy.path(path).exists()}
        found |= {path: digest for path, digest in outputs.items() if hasher.sha256(toy.path(path)) == digest}
    return found


def killed(toy, moment):
    """Kill a run and all its jobs, anywhere from its start to some jobs later; whether it was not over before."""
    toy.log.unlink(missing_ok=True)
    process = toy.start_snakemake("--nolock", "--quiet", "all", TOY_SLEEP="0.1")
    jobs = moment.randint(0, 3)
    patience.until(lambda: process.poll() is not None or len(started(toy)) >= jobs, 10, every=0.005)
    time.sleep(moment.uniform(0, 0.5) * patience.pace())
    running = process.poll() is None
    end(process)
    return running


def started(toy):
    return toy.log.read_text().split() if toy.log.exists() else []


def test_killed_at_any_moment_a_run_resumes_to_the_same_bytes(built, tmp_path):
    toy, truth = built.copy_to(tmp_path / "toy", "out", ".snakemake"), built.artifacts()
    moment, sizes = random.Random(20210618), []
    while len(sizes) < KILLS:
        early, found = killed(toy, moment), whole(toy)
        assert found.items() <= truth.items()
        sizes += [len(found)] if early else []
        if found == truth:
            for name in ("out", ".snakemake"):
                shutil.rmtree(toy.path(name))
    assert len(set(sizes)) > 3, f"the kills came at the same moments of the run: {sizes}"
    toy.run("--nolock")
    assert toy.artifacts() == truth
    check_fresh(toy.run("--nolock"))
    assert list(toy.root.rglob("out/**/.tmp-*")) == []


def test_verdicts_taken_while_a_run_is_under_way_do_not_disturb_it(toy, built):
    toy.edit("params.json", '"start": 0.25', '"start": 0.5')
    flip(toy.path(TRAIN[1]))
    process = toy.start_snakemake(TOY_SLEEP="0.8")
    while process.poll() is None:
        toy.snakemake("--dry-run", "--nolock")
    text, _ = process.communicate()
    assert process.returncode == 0, text
    check(toy.run(), [])
    changed = {name for name, content in toy.artifacts().items() if built.artifacts()[name] != content}
    assert changed == {TRAIN[0], "out/model/0/log.txt", SCORE[0], PAGE}


def holds_the_lock(toy):
    """Whether a run has written both files of Snakemake's lock: an empty one locks nothing out."""
    locks = [path.stat().st_size for path in toy.path(".snakemake/locks").glob("*.lock")]
    return len(locks) == 2 and all(locks)


def test_a_second_snakemake_is_refused_and_our_command_waits_and_says_for_whom(toy, tmp_path):
    """Snakemake itself says which folder is locked, not by which process.

    Nobody reaps the first run before our command returns, as in a container without an init.
    """
    toy.edit("params.json", '"start": 0.25', '"start": 0.5')
    log = tmp_path / "second.ran"
    with contextlib.ExitStack() as stack:
        first = toy.start_snakemake("--quiet", "all", TOY_SLEEP="2")  # long enough to be met at work
        stack.callback(end, first)
        patience.until(lambda: holds_the_lock(toy), 10, first, every=0.005)
        os.killpg(first.pid, signal.SIGSTOP)
        second = toy.start_snakemake(TOY_LOG=str(log))
        stack.callback(end, second)
        refused, _ = second.communicate(timeout=patience.limit(20))
        ours = toy.start(sys.executable, "-c", CLEAR)
        stack.callback(end, ours)
        said = ours.stdout.readline()
        os.killpg(first.pid, signal.SIGCONT)
        ours.communicate(timeout=patience.limit(20))
        assert (first.wait(timeout=patience.limit(1)), second.returncode, ours.returncode) == (0, 1, 0)
    assert "Directory cannot be locked" in refused
    assert f"\n{toy.root}\n" in refused
    assert not log.exists(), "the second run computed something"
    told = re.match(r"processes ([\d, ]+) of an earlier run are still at work", said)
    assert told and str(first.pid) in told.group(1).split(", "), said  # and perhaps a job of it
    check_fresh(toy.run())
