"""A checkpoint that is damaged, another training's or no checkpoint at all is told of, and changes nothing."""

import json
import os
import random
import shutil

import pytest
import torch
from deep_lab import ADAMW, SEED, Tiny, loader, train
from safetensors.torch import save_file
from small_disk import small_disk

from advtransfer.training.deep.checkpoint import Checkpoint, _digest
from advtransfer.training.deep.randomness import Randomness

FREE = {"free": {"eps": 0.05, "replays": 2}}
AVERAGED = {"average": 0.9}


class Crash(Exception):
    pass


def crashing(start):
    for step, stored in enumerate(loader()(start), start):
        if step == 6:
            raise Crash
        yield stored


def interrupted(path, **arguments):
    """A training that wrote a checkpoint after step 4 and broke off."""
    with pytest.raises(Crash):
        train(batches=crashing, checkpoint=Checkpoint(path, None, 4), recipe=AVERAGED, **arguments)


def result(trained):
    parts = {"weights": trained.weights, "averaged": trained.averaged or {}, "curves": trained.curves}
    return {f"{part}.{name}": t.numpy().tobytes() for part, ts in parts.items() for name, t in ts.items()}


@pytest.fixture(scope="module")
def undisturbed():
    return result(train(recipe=AVERAGED))


def resumed_anew(path, capsys, undisturbed):
    """Trains with what lies at ``path``: from the start, to the undisturbed bytes. What is told, which is one line."""
    asked = []

    def batches(start):
        asked.append(start)
        return loader()(start)

    capsys.readouterr()
    trained = train(batches=batches, checkpoint=Checkpoint(path, None, 4), recipe=AVERAGED)
    assert asked == [0]
    assert result(trained) == undisturbed
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"checkpoint {path} is not used, training starts anew: ")
    assert Checkpoint(path).read().facts["step"] == 10, "the next attempt has a good one again"
    return line.partition("anew: ")[2]


@pytest.mark.parametrize("seed", range(12))
def test_one_flipped_bit_anywhere_is_noticed(tmp_path, capsys, undisturbed, seed):
    interrupted(tmp_path / "c")
    content = bytearray((tmp_path / "c").read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    place = random.Random(seed).randrange(*((0, header) if seed % 3 == 0 else (header, len(content))))
    content[place] ^= 1 << seed % 8
    (tmp_path / "c").write_bytes(content)
    resumed_anew(tmp_path / "c", capsys, undisturbed)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x10\0\0\0\0\0\0\0{}" + b"\0" * 20])
def test_a_file_that_cannot_be_read_is_taken_for_absent(tmp_path, capsys, undisturbed, content):
    (tmp_path / "c").write_bytes(content)
    assert "it cannot be read" in resumed_anew(tmp_path / "c", capsys, undisturbed)


def test_facts_that_are_nested_too_deeply_cannot_be_read(tmp_path, capsys, undisturbed):
    save_file({"a": torch.ones(1)}, tmp_path / "c", metadata={"state": "[" * 100_000})
    assert "it cannot be read" in resumed_anew(tmp_path / "c", capsys, undisturbed)


@pytest.mark.parametrize("kind", ["folder", "full folder", "pipe", "link to a folder", "link to a device"])
def test_what_is_no_file_is_not_opened_and_gives_way(tmp_path, capsys, undisturbed, kind):
    place, elsewhere = tmp_path / "c", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis").write_text("years of work")
    if kind == "pipe":
        os.mkfifo(place)
    elif kind.startswith("link"):
        place.symlink_to(elsewhere if kind.endswith("folder") else "/dev/zero")
    else:
        place.mkdir()
        if kind == "full folder":
            (place / "a").write_text("")
    assert resumed_anew(place, capsys, undisturbed) == "it is no regular file"
    assert (elsewhere / "thesis").read_text() == "years of work"


def test_a_draft_that_is_a_link_leads_no_bytes_elsewhere(tmp_path):
    (tmp_path / "thesis").write_text("years of work")
    (tmp_path / "c.part").symlink_to(tmp_path / "thesis")
    Checkpoint(tmp_path / "c").write({"a": torch.ones(2)}, {"step": 1})
    assert (tmp_path / "thesis").read_text() == "years of work"
    assert Checkpoint(tmp_path / "c").read().facts == {"step": 1}


def forge(path, change):
    """Changes tensors and facts, and computes the digest anew, as other code might have written it."""
    tensors, facts, _ = Checkpoint(path).read()
    change(tensors, facts)
    text = json.dumps(facts)
    save_file(tensors, path, metadata={"state": json.dumps([_digest(tensors, text), text])})


def renamed(tensors, facts):
    tensors["model.other.weight"] = tensors.pop("model.head.weight")


def reshaped(tensors, facts):
    tensors["average.head.bias"] = tensors["average.head.bias"][:1].clone()


def retyped(tensors, facts):
    tensors["model.conv.weight"] = tensors["model.conv.weight"].double()


def without_momentum(tensors, facts):
    tensors["optimiser.exp_avg.head.bias"] = tensors.pop("optimiser.momentum_buffer.head.bias")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (renamed, "it does not fit: model.head.weight is absent, expected torch.float32 [4, 128]"),
        (reshaped, "it does not fit: average.head.bias is torch.float32 [1], expected torch.float32 [4]"),
        (retyped, "it does not fit: model.conv.weight is torch.float64 [8, 3, 3, 3], expected torch.float32"),
        (
            without_momentum,
            "it does not fit: optimiser.exp_avg.head.bias is torch.float32 [4], expected absent",
        ),
        (lambda t, f: f.update(step=11), "it is of step 11, expected one of 1 to 10"),
        (lambda t, f: f.update(step=-1), "it is of step -1, expected one of 1 to 10"),
        (lambda t, f: f.update(step="4"), "it is of step '4', expected one of 1 to 10"),
        (lambda t, f: f.update(step=5), "it does not fit: curves is torch.float32 [4, 2]"),
        (lambda t, f: f.update(curves=[]), "its curves are [], expected names"),
        (lambda t, f: f.update(identity=3), "it does not say which training it is of"),
        (lambda t, f: f["identity"].update(torch="1.0"), "it is of another training: torch is '1.0'"),
        (lambda t, f: f["identity"].update(device="GPU"), "it is of another training: device is 'GPU'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, capsys, undisturbed, change, said):
    interrupted(tmp_path / "c")
    forge(tmp_path / "c", change)
    assert said in resumed_anew(tmp_path / "c", capsys, undisturbed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 11}, "it is of another training: recipe.steps is 11, expected 10"),
        ({"optimisation": ADAMW}, "it is of another training: recipe.optimisation.name is 'adamw', expected"),
        (
            {"randomness": Randomness(SEED.root, 9)},
            "it is of another training: randomness.replica is 9, expected 2",
        ),
        ({"spec": FREE}, "it is of another training: objective is"),
        ({"model": "batch"}, "it does not fit: average.norm.num_batches_tracked is torch.int64 []"),
    ],
)
def test_another_trainings_checkpoint_is_not_used(tmp_path, capsys, undisturbed, changes, said):
    other = changes | ({"model": Tiny(changes["model"])} if "model" in changes else {})
    interrupted(tmp_path / "c", **other)
    assert said in resumed_anew(tmp_path / "c", capsys, undisturbed)


def test_a_checkpoint_that_was_moved_to_another_trainings_place_is_not_used(tmp_path, capsys):
    """Alike in all that the loop knows: only their owners, who know what data they learn from, tell them apart."""
    with pytest.raises(Crash):
        train(batches=crashing, checkpoint=Checkpoint(tmp_path / "one", None, 4, owner="one"))
    shutil.copyfile(tmp_path / "one", tmp_path / "other")
    train(checkpoint=Checkpoint(tmp_path / "other", None, 4, owner="other"))
    assert "it is of another training: owner is 'one', expected 'other'" in capsys.readouterr().err


def test_adamws_state_fits_and_is_taken_back(tmp_path, capsys):
    interrupted(tmp_path / "c", optimisation=ADAMW)
    asked = []

    def batches(start):
        asked.append(start)
        return loader()(start)

    resumed = train(
        batches=batches, checkpoint=Checkpoint(tmp_path / "c"), optimisation=ADAMW, recipe=AVERAGED
    )
    assert asked == [4] and capsys.readouterr().err == ""
    assert result(resumed) == result(train(optimisation=ADAMW, recipe=AVERAGED))


def test_a_checkpoint_that_cannot_be_written_does_not_fail_the_training(tmp_path, capsys, undisturbed):
    """A file where its folder belongs, as a full disk would: each attempt is told of in one line."""
    (tmp_path / "scratch").write_text("")
    trained = train(checkpoint=Checkpoint(tmp_path / "scratch" / "c", None, 4), recipe=AVERAGED)
    assert result(trained) == undisturbed
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4  # one of reading, then at steps 4, 8 and 10
    assert all("cannot be written, training goes on without it: " in line for line in lines[1:])


def test_a_full_disk_costs_the_checkpoint_alone(tmp_path, capsys, undisturbed):
    with small_disk(tmp_path / "disk", 4) as disk:
        trained = train(checkpoint=Checkpoint(disk / "c", None, 4), recipe=AVERAGED)
        assert not list(disk.iterdir()), "what does not fit must not fill the disk"
    assert result(trained) == undisturbed
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3 and all("No space left on device" in line for line in told)
