"""Fine-tuning moves what it should and nothing else, learns, and repeats from its stream."""

import copy
from dataclasses import replace

import pytest
import torch
from small_network import SmallNetwork, images, stages, used
from torch import nn

from advtransfer.seeding import stream
from advtransfer.transfer.deep.features import extract
from advtransfer.transfer.deep.finetune import Recipe, accuracy, finetune

RECIPE = Recipe(optimiser="adamw", steps=12, batch_size=16, learning_rate=1e-2, weight_decay=1e-2)
CLASSES = 4


@pytest.fixture(scope="module")
def network():
    """A network made for 7 classes, as a pre-trained one would be for its own."""
    return used(SmallNetwork(classes=7)).eval()


def tune(network, count=40, seed=0, recipe=RECIPE):
    x, y = images(count)
    return finetune(network, x, y, recipe, classes=CLASSES, stages=stages, rng=stream(seed, "tune"))


def changed(before, after, names):
    """Which of these modules' parameters and buffers differ."""
    return {
        name
        for name in names
        for a, b in zip(
            before.get_submodule(name).state_dict().values(),
            after.get_submodule(name).state_dict().values(),
            strict=True,
        )
        if not torch.equal(a, b)
    }


@pytest.mark.parametrize(
    ("first", "moving"), [(0, {"stem", "middle", "last"}), (1, {"middle", "last"}), (2, {"last"}), (3, set())]
)
def test_stages_before_the_first_keep_weights_and_statistics(network, first, moving):
    tuned = tune(network, recipe=replace(RECIPE, first=first))
    assert changed(network, tuned, ["stem", "middle", "last"]) == moving
    assert tuned.head.out_features == CLASSES and tuned.head.weight.abs().max() > 0


def test_frozen_stages_compute_in_eval_mode(network):
    """With only the head moving, every loss is that of the fixed features: no dropout, no batch statistics."""
    recipe = replace(RECIPE, first=3, steps=1, batch_size=100)
    found = tune(network, recipe=recipe)
    x, y = images(40)
    features = extract(network, x, batch_size=40)
    head = nn.Linear(12, CLASSES)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-2, weight_decay=1e-2)
    torch.nn.functional.cross_entropy(head(features), y).backward()
    optimiser.step()
    torch.testing.assert_close(found.head.weight, head.weight, rtol=1e-3, atol=1e-6)


def test_the_network_it_starts_from_stays_as_it_is(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tune(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.head.out_features == 7 and not network.training


def test_it_ends_in_eval_mode_ready_for_use(network):
    tuned = tune(network, recipe=replace(RECIPE, first=2))
    assert not any(module.training for module in tuned.modules())
    assert all(p.requires_grad for p in tuned.parameters())


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_it_learns(network, optimiser):
    recipe = replace(
        RECIPE, optimiser=optimiser, steps=60, learning_rate={"adamw": 1e-2, "sgd": 5e-2}[optimiser]
    )
    found = tune(network, count=200, recipe=recipe)
    assert accuracy(found, *images(200, seed=5)) > 0.6


def test_a_stream_repeats_bit_by_bit_and_another_differs(network):
    first, again, other = (tune(network, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_torchs_own_generator_is_neither_read_nor_moved(network):
    states = []
    results = []
    for seed in (5, 6):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        results.append(tune(network).state_dict()["stem.0.weight"])
        states.append(torch.equal(before, torch.get_rng_state()))
    assert states == [True, True] and torch.equal(*results)


def test_every_image_is_seen_once_before_one_is_seen_twice(network):
    x, y = images(12)
    x[:, 0, 0, 0] = torch.arange(12, dtype=torch.uint8)
    seen = []

    def see(module, arguments):
        seen.extend((255 * arguments[0][:, 0, 0, 0]).round().int().tolist())

    watched, recipe = copy.deepcopy(network), replace(RECIPE, batch_size=4, steps=6)
    watched.register_forward_pre_hook(see)
    finetune(watched, x, y, recipe, classes=CLASSES, stages=stages, rng=stream(0))
    assert sorted(seen[:12]) == sorted(seen[12:]) == list(range(12)) and seen[:12] != seen[12:]


@pytest.mark.parametrize("first", [-1, 4])
def test_a_stage_that_does_not_exist_is_refused(network, first):
    with pytest.raises(ValueError, match=f"stage {first} of 3: stem, middle, last"):
        tune(network, recipe=replace(RECIPE, first=first))


def test_an_unknown_optimiser_is_refused(network):
    with pytest.raises(ValueError, match="'adam'; expected adamw or sgd"):
        tune(network, recipe=replace(RECIPE, optimiser="adam"))
