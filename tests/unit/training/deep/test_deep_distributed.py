"""Two processes on one batch take the step that one process takes."""

import os
import subprocess
import sys
from pathlib import Path

import patience
import pytest
import torch
from deep_lab import Tiny
from safetensors.torch import load_file
from two_processes import SPECS, trained

from advtransfer.training.deep.checkpoint import Checkpoint
from advtransfer.training.deep.distributed import World, connected
from advtransfer.training.deep.loop import CLOCK_STEPS

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folder in which two processes, started by torchrun, left their results."""
    folder = tmp_path_factory.mktemp("shared")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(SCRIPT),
    ]
    paths = [*sys.path, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    options = {"env": environment, "capture_output": True, "text": True, "timeout": patience.limit(30)}
    done = subprocess.run([*command, str(folder)], check=False, **options)
    assert done.returncode == 0, done.stderr
    (folder / "told").write_text(done.stderr)
    return folder


def parts_of(tensors, kind):
    return {name.removeprefix(f"{kind}."): t for name, t in tensors.items() if name.startswith(kind)}


def assert_close(found, result):
    torch.testing.assert_close(parts_of(found, "curves"), result.curves, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parts_of(found, "weights"), result.weights, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(parts_of(found, "averaged"), result.averaged, rtol=1e-3, atol=1e-5)


def test_two_processes_train_as_one_on_the_whole_batch(shared):
    assert_close(load_file(shared / "clean.0"), trained("clean", World()))


@pytest.mark.parametrize("name", SPECS)
def test_two_processes_train_as_one_in_two_parts(shared, name):
    """The same random numbers too: a part's are its own, whoever computes it."""
    assert_close(load_file(shared / f"{name}.0"), trained(name, World(), parts=2))


def test_two_processes_in_two_parts_train_as_one_in_four(shared):
    assert_close(load_file(shared / "parts.0"), trained("pgd", World(), parts=4))


@pytest.mark.parametrize("name", [*SPECS, "parts", "resumed"])
def test_both_processes_end_with_the_same_bytes(shared, name):
    assert (shared / f"{name}.0").read_bytes() == (shared / f"{name}.1").read_bytes()


def test_a_shared_training_goes_on_from_its_checkpoint(shared):
    """With the perturbations that each process carried from batch to batch."""
    assert (shared / "resumed.0").read_bytes() == (shared / "free.0").read_bytes()
    tensors = load_file(shared / "checkpoint")
    assert tensors["objective0.delta_0"].shape == tensors["objective1.delta_1"].shape == (6, 3, 8, 8)


def test_a_checkpoint_that_not_all_can_use_is_used_by_none_and_told_of_once(shared):
    for name in ("damaged", "own"):
        for rank in (0, 1):
            assert (shared / f"anew-{name}.{rank}").read_bytes() == (shared / "free.0").read_bytes()
    told = [line for line in (shared / "told").read_text().splitlines() if "training starts anew" in line]
    reasons = [line.partition("starts anew: ")[2] for line in told]
    assert reasons == [
        "its content is not what was written",
        "the processes that share the training do not read the same one",
    ]


def test_the_first_process_decides_when_to_write(shared):
    """Else one would wait for ever for what the others never send."""
    found = Checkpoint(shared / "clock").read()
    assert found is not None and found.facts["step"] == CLOCK_STEPS


def test_batchnorm_on_cpus_is_refused(shared):
    for rank in (0, 1):
        told = (shared / f"refused.{rank}").read_text()
        assert told == "BatchNorm cannot be shared by 2 processes on a CPU; use norm: group"


def test_frozen_batchnorm_needs_no_sharing():
    model = Tiny("batch").eval()
    assert World(0, 2).share_statistics(model) is model


def test_rows_and_parts_divide_the_batch():
    numbers = list(range(12))
    worlds = [World(rank, 3) for rank in range(3)]
    assert sorted(n for world in worlds for n in numbers[world.rows(12)]) == numbers
    assert sorted(world.part(j) for world in worlds for j in range(2)) == list(range(6))
    with pytest.raises(ValueError, match="a batch of 13 cannot be shared out evenly to 3 processes"):
        World(0, 3).rows(13)


def test_without_torchrun_a_process_is_on_its_own(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with connected() as (world, device):
        assert world == World(0, 1) and world.leads
        assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    tensor = torch.ones(2)
    world.average([tensor])
    assert torch.equal(tensor, torch.ones(2)) and world.gather(5) == [5]
