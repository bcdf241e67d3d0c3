"""The checkpoint's file, when it is written, and that a training goes on from it."""

import json
from pathlib import Path

import pytest
import torch
from deep_lab import CLASSES, COUNT, loader, train
from safetensors import safe_open

from advtransfer.training.deep import checkpoint as checkpoint_module
from advtransfer.training.deep.checkpoint import Checkpoint

TENSORS = {"b": torch.arange(6.0).view(2, 3).T, "a": torch.tensor(3), "empty": torch.zeros(0, 2)}
FREE = {"free": {"eps": 0.05, "replays": 2}}


class Crash(Exception):
    pass


def crashing(at):
    """Batches that raise at a step."""

    def batches(start):
        for step, stored in enumerate(loader()(start), start):
            if step == at:
                raise Crash
            yield stored

    return batches


def interrupted(path, at=6, **arguments):
    """A training that wrote a checkpoint after step 4 and broke off."""
    with pytest.raises(Crash):
        train(batches=crashing(at), checkpoint=Checkpoint(path, None, 4), **arguments)


def test_what_is_written_is_read(tmp_path):
    file = Checkpoint(tmp_path / "deep" / "down" / "c")
    assert file.read() is None
    file.write(TENSORS, {"step": 3, "names": ["x"]})
    tensors, facts, _ = file.read()
    assert facts == {"step": 3, "names": ["x"]} and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], t) for name, t in TENSORS.items())
    assert [path.name for path in file.path.parent.iterdir()] == ["c"]


def test_the_file_holds_tensors_and_json_only(tmp_path):
    Checkpoint(tmp_path / "c").write(TENSORS, {"step": 3})
    with safe_open(tmp_path / "c", framework="pt") as file:
        assert json.loads(json.loads(file.metadata()["state"])[1]) == {"step": 3}
        assert set(file.keys()) == TENSORS.keys()


def test_what_was_read_is_independent_of_the_file(tmp_path):
    """Not mapped into memory: on a network file system another process's replacement would pull it away."""
    file = Checkpoint(tmp_path / "c")
    file.write({"a": torch.ones(100_000)}, {})
    tensors = file.read().tensors
    assert str(file.path) not in Path("/proc/self/maps").read_text()
    file.write({"a": torch.zeros(100_000)}, {})
    assert torch.equal(tensors["a"], torch.ones(100_000))


def test_equal_states_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        Checkpoint(tmp_path / name).write(
            dict(sorted(TENSORS.items(), reverse=name == "a")), {"z": 1, "y": 2}
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_it_is_due_by_count_and_by_clock(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: now)
    file = Checkpoint(tmp_path / "c", every_seconds=300.0, every_steps=5)
    file.write({}, {})
    assert [step for step in range(1, 12) if file.due_by_count(step)] == [5, 10]
    now = 399.0
    assert not file.due_by_clock()
    now = 400.0
    assert file.due_by_clock()
    file.write({}, {})
    assert not file.due_by_clock()
    never = Checkpoint(tmp_path / "c", None, None)
    assert not never.due_by_clock() and not never.due_by_count(5)


@pytest.mark.parametrize("spec", [None, FREE])
def test_a_training_goes_on_where_the_checkpoint_is(tmp_path, spec):
    interrupted(tmp_path / "c", spec=spec)
    asked = []

    def batches(start):
        asked.append(start)
        return loader()(start)

    resumed = train(spec=spec, batches=batches, checkpoint=Checkpoint(tmp_path / "c", None, 4))
    whole = train(spec=spec)
    assert asked == [4]
    assert all(torch.equal(resumed.weights[name], t) for name, t in whole.weights.items())
    assert torch.equal(resumed.curves["loss"], whole.curves["loss"])


def test_a_training_that_broke_leaves_no_checkpoint_of_nonsense(tmp_path):
    """The loss is no number from update 5 on: the checkpoint of step 4 stays."""
    bad = torch.ones(COUNT, CLASSES)

    def batches(start):
        for step, stored in enumerate(loader()(start), start):
            if step == 5:
                bad.fill_(float("nan"))
            yield stored

    from advtransfer.training.deep.preparation import Preparation

    with pytest.raises(FloatingPointError, match="at update 5"):
        train(
            batches=batches,
            preparation=Preparation(targets=bad),
            checkpoint=Checkpoint(tmp_path / "c", None, 4),
        )
    found = Checkpoint(tmp_path / "c").read()
    assert found is not None and found.facts["step"] == 4
