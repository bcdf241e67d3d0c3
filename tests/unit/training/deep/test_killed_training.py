"""A training that is killed (SIGKILL) and goes on gives the same bytes as one that is not."""

import multiprocessing
import random
import signal
import time

import patience
import pytest
import torch
from deep_lab import ADAMW, Case, run_case

from advtransfer.training.deep.checkpoint import Checkpoint

PGD = {"attack": {"norm": "linf", "eps": 0.05, "steps": 2}}
CASES = {
    "clean, SGD, average, augmentation": Case(recipe={"average": 0.9}),
    "PGD": Case(PGD),
    "l2 PGD, AdamW, accumulation, average": Case(
        {"attack": {"norm": "l2", "eps": 0.3, "steps": 2}},
        optimisation=ADAMW,
        recipe={"accumulate": 3, "average": 0.9},
    ),
    "free": Case({"free": {"eps": 0.05, "replays": 3}}, recipe={"average": 0.99}),
    "free, accumulation": Case({"free": {"eps": 0.05, "replays": 2}}, recipe={"accumulate": 2}),
    "TRADES, soft pseudo-labels at a ratio": Case(
        {"trades": {"beta": 2.0, "norm": "linf", "eps": 0.05, "steps": 1}}, ratio=0.25
    ),
    "dropout": Case(network="wide", steps=9, every_steps=2),
}
FILES = ("weights", "averaged", "curves")


@pytest.fixture(scope="module")
def processes():
    """Forked from a server that has imported everything: a start costs no seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["deep_lab", "torch.optim", "torch._dynamo"])
    return context


def start(processes, case, folder, kill=None):
    folder.mkdir(exist_ok=True)
    process = processes.Process(target=run_case, args=(case, folder, kill))
    process.start()
    return process


def run(processes, case, folder, kill=None):
    process = start(processes, case, folder, kill)
    process.join()
    return process.exitcode


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def step_of(folder):
    """Number of steps that the checkpoint holds."""
    return Checkpoint(folder / "checkpoint").read().facts["step"]


@pytest.fixture(scope="module")
def uninterrupted(processes, tmp_path_factory):
    """The files of a case that nothing interrupts, computed once."""
    known = {}

    def compute(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("whole")
            assert run(processes, CASES[name], folder) == 0
            known[name] = contents(folder)
        return known[name]

    return compute


@pytest.mark.parametrize("name", CASES)
def test_killed_three_times_at_random_steps(processes, uninterrupted, tmp_path, name):
    case, chance = CASES[name], random.Random(name)
    done = 0
    for _ in range(3):
        passes = case.recipe.get("accumulate", 1)
        left = case.steps - done
        moment = chance.choice(["augment", "backward"])
        if moment == "backward":
            passes *= (case.spec or {}).get("free", {}).get("replays", 1)
        number = chance.randint(1, min(left, 6) * passes)
        assert run(processes, case, tmp_path, (moment, number)) == -signal.SIGKILL
        assert not (tmp_path / "weights").exists()
        done = step_of(tmp_path) if (tmp_path / "checkpoint").exists() else 0
        assert done % case.every_steps == 0
    assert 0 < done < case.steps, "the draw must leave something to resume: choose another"
    assert run(processes, case, tmp_path) == 0
    assert contents(tmp_path) == uninterrupted(name)


def test_killed_in_the_middle_of_writing(processes, uninterrupted, tmp_path):
    """The second checkpoint is half written: the first one is still there, and whole."""
    name = "clean, SGD, average, augmentation"
    assert run(processes, CASES[name], tmp_path, ("write", 2)) == -signal.SIGKILL
    assert (tmp_path / "checkpoint.part").exists() and step_of(tmp_path) == 4
    assert run(processes, CASES[name], tmp_path) == 0
    assert contents(tmp_path) == uninterrupted(name)
    assert not (tmp_path / "checkpoint.part").exists()


def written(folder):
    """When its checkpoint was."""
    file = folder / "checkpoint"
    return file.stat().st_mtime_ns if file.exists() else 0


def wait_for_the_next_checkpoint(process, folder):
    """Or for the end of the process."""
    before = written(folder)
    patience.until(lambda: not process.is_alive() or written(folder) > before, 10, every=0.001)


def test_killed_from_outside_whenever(processes, uninterrupted, tmp_path):
    """By another process, at moments that nobody chose, with a checkpoint after every step."""
    name, chance = "PGD", random.Random()
    case = Case(PGD, every_steps=None, every_seconds=0.0)
    for _ in range(4):
        process = start(processes, case, tmp_path)
        wait_for_the_next_checkpoint(process, tmp_path)
        time.sleep(0.02 * chance.random())
        process.kill()
        process.join()
    assert (tmp_path / "checkpoint").exists()
    assert run(processes, case, tmp_path) == 0
    assert contents(tmp_path) == uninterrupted(name)


def test_a_finished_training_is_not_trained_again(processes, uninterrupted, tmp_path):
    name = "free"
    assert run(processes, CASES[name], tmp_path) == 0
    for file in FILES:
        (tmp_path / file).unlink()
    # it would be killed by its first augmentation
    assert run(processes, CASES[name], tmp_path, ("augment", 1)) == 0
    assert contents(tmp_path) == uninterrupted(name)


def test_without_its_state_a_resumed_training_would_differ(processes, uninterrupted, tmp_path):
    """The comparison of bytes can fail: a checkpoint whose tensors are slightly off gives other results."""
    name = "free"
    assert run(processes, CASES[name], tmp_path, ("augment", 10)) == -signal.SIGKILL
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    tensors, facts, _ = checkpoint.read()
    for key in ("objective0.delta_0", "optimiser.momentum_buffer.conv.weight", "average.head.weight"):
        checkpoint.write(tensors | {key: torch.zeros_like(tensors[key])}, facts)
        assert run(processes, CASES[name], tmp_path) == 0
        assert contents(tmp_path) != uninterrupted(name)
        (tmp_path / "checkpoint").unlink()
