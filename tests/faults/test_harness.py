"""A little of `make faults`, and that it can fail."""

import pytest
from harness import Outcome, Undisturbed, cases, plan, shared_out, table
from places import Training, undisturbed_toy


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "toy"
    return Undisturbed(folder, folder, {"toy": undisturbed_toy(folder)})


def lost(outcomes):
    return [outcome for outcome in outcomes if outcome.wrong]


@pytest.mark.parametrize("place", ["toy", "kills:toy"])
def test_what_is_disturbed_comes_out_the_same(toy, tmp_path, place):
    outcomes = cases(place, [0, 1, 2], 3, toy, tmp_path / "cases")
    assert len(outcomes) == 3 and lost(outcomes) == []


def test_damaged_checkpoints_change_nothing(tmp_path):
    outcomes = cases("training", list(range(12)), 3, Undisturbed(tmp_path, tmp_path, {}), tmp_path / "cases")
    assert len(outcomes) == 12 and lost(outcomes) == []
    assert len({outcome.done for outcome in outcomes}) > 4


def test_other_bytes_are_noticed(toy, tmp_path):
    forged = {"toy": toy.truths["toy"] | {"out/report/page.md": "0" * 64}}
    (outcome,) = cases("toy", [0], 3, Undisturbed(toy.toy, toy.study, forged), tmp_path / "cases")
    assert outcome.wrong == "other bytes: out/report/page.md"


def test_a_training_that_goes_on_from_a_forged_checkpoint_is_noticed(tmp_path):
    from advtransfer.training.deep.checkpoint import Checkpoint

    def forge(file, other):
        tensors, facts, _ = Checkpoint(file).read()
        tensors["model.head.bias"] += 1
        Checkpoint(file).write(tensors, facts)

    assert Training(tmp_path / "lab").wrong("SGD", forge) == "other weights or curves"


def test_every_case_has_a_place_and_can_be_repeated():
    work = plan(50, 200, "")
    assert sum(len(numbers) for place, numbers in work.items() if place.startswith("kills:")) == 50
    assert sum(len(numbers) for place, numbers in work.items() if not place.startswith("kills:")) == 200
    assert set(work) >= {"toy", "training", "tracking", "study", "kills:toy", "kills:study", "kills:tracking"}
    assert plan(50, 200, "toy:7") == {"toy": [7]}
    assert plan(50, 200, "kills:toy") == {"kills:toy": work["kills:toy"]}
    assert shared_out(7, {"a": 1.0, "b": 1.0}) == {"a": 4, "b": 3}


def test_the_table_counts_by_what_and_by_how():
    outcomes = [
        Outcome("toy", 0, "seal", "flip out/a.seal", ""),
        Outcome("toy", 1, "seal", "delete out/a.seal", "the run failed (1)"),
    ]
    shown = [line.split() for line in table(outcomes).splitlines()]
    assert ["toy:", "seal", "2", "1"] in shown
    assert ["flip", "1", "1"] in shown and ["delete", "1", "0"] in shown
