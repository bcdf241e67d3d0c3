"""Learning rates, which weights decay, and the moving average of the weights."""

import pytest
import torch
from deep_lab import ADAMW, SGD, Tiny, train
from torch import nn

from advtransfer.models.deep.build import build
from advtransfer.seeding import stream
from advtransfer.training.deep.average import Average
from advtransfer.training.deep.optimisation import Optimisation, Optimiser
from advtransfer.training.deep.schedule import factor


def factors(updates, **settings):
    return [factor(update, updates, **settings) for update in range(updates)]


def torchs(updates, scheduler):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, found = scheduler(optimiser), []
    for _ in range(updates):
        found.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize("updates", [1, 7, 100])
def test_cosine_is_torchs(updates):
    found = factors(updates, decay="cosine", warmup=0)
    expected = torchs(updates, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=updates))
    assert found == pytest.approx(expected, abs=1e-12)


def test_warm_up_rises_in_a_line_to_the_highest_rate_and_is_never_0():
    found = factors(50, decay="cosine", warmup=0.2)
    assert found[:10] == pytest.approx([i / 10 for i in range(1, 11)])
    assert found[10:] == pytest.approx(factors(40, decay="cosine", warmup=0))


def test_one_cycle_rises_and_falls_in_lines():
    found = factors(10, decay="one_cycle", warmup=0.4)
    assert found == pytest.approx([0.25, 0.5, 0.75, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_constant_is_constant_behind_the_warm_up():
    assert factors(4, decay="constant", warmup=0.5) == [0.5, 1, 1, 1]


@pytest.mark.parametrize("decay", ["cosine", "one_cycle", "constant"])
@pytest.mark.parametrize("updates", [1, 2, 3])
def test_the_shortest_trainings_have_a_rate(decay, updates):
    assert all(0 < rate <= 1 for rate in factors(updates, decay=decay, warmup=0.3))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "adam"}, "'adam'; expected one of sgd, adamw"),
        ({"decay": "step"}, "'step'; expected one of constant, cosine, one_cycle"),
        ({"warmup": 1.0}, "warmup is 1.0"),
    ],
)
def test_settings_that_do_not_exist_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Optimisation(**{"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.0} | changes)


# -- decay -------------------------------------------------------------------------------------------------------------


def decayed(model, optimisation=SGD):
    """Names of the parameters that a step without any gradient of the loss still moves."""
    settings = Optimisation(**vars(optimisation) | {"decay": "constant", "warmup": 0.0, "weight_decay": 0.5})
    optimiser = Optimiser(model, settings)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.data.add_(1e-3 * (p == 0))  # nothing decays from 0
        p.grad = torch.zeros_like(p)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser.step(0, 10)
    assert all(p.grad is None for p in model.parameters())
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("optimisation", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_biases_and_norms_do_not_decay(optimisation, norm):
    assert decayed(Tiny(norm), optimisation) == {"conv.weight", "head.weight"}


def test_what_a_network_of_timm_exempts_does_not_decay():
    model = build("timm:vit_tiny_patch16_224", 3, image_size=32, rng=stream(0, "i"), patch_size=16, depth=1)
    found = decayed(model)
    assert {"body.patch_embed.proj.weight", "body.blocks.0.attn.qkv.weight", "head.weight"} <= found
    assert not {"body.pos_embed", "body.cls_token"} & found
    assert not any(name.endswith("bias") or ".norm" in name for name in found)


def test_frozen_parameters_are_not_touched():
    model = Tiny()
    model.conv.requires_grad_(False)
    assert Optimiser(model, SGD).parameters.keys() == {"norm.weight", "norm.bias", "head.weight", "head.bias"}


@pytest.mark.parametrize("optimisation", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_the_optimisers_tensors_travel_by_name(optimisation):
    def learn(model, optimiser, updates):
        for update in updates:
            for number, p in enumerate(model.parameters()):
                p.grad = torch.full_like(p, 0.1 * (number - update))
            optimiser.step(update, 6)
        return model.state_dict()

    whole = Tiny().to(memory_format=torch.channels_last)
    expected = learn(whole, Optimiser(whole, optimisation), range(6))
    model, other = Tiny(), Tiny()
    first = Optimiser(model, optimisation)
    learn(model, first, range(3))
    other.load_state_dict(model.state_dict())
    other.to(memory_format=torch.channels_last)
    second = Optimiser(other, optimisation)
    second.load({name: t.clone().contiguous() for name, t in first.tensors().items()})
    found = learn(other, second, range(3, 6))
    assert all(torch.equal(found[name], t) for name, t in expected.items())
    assert "momentum_buffer.conv.weight" in first.tensors() or "exp_avg.conv.weight" in first.tensors()


# -- the average -------------------------------------------------------------------------------------------------------


def test_the_average_is_the_recursion_over_every_floating_point_number():
    model = Tiny("batch")
    average = Average(model, 0.5)
    expected = {name: t.clone() for name, t in model.state_dict().items()}
    for update in range(12):
        model(torch.rand(4, 3, 8, 8))  # moves BatchNorm's statistics
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.1 * (update + 1))
        average.update(update)
        decay = min(0.5, (1 + update) / (10 + update))
        for name, t in model.state_dict().items():
            if t.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * t
            else:
                expected[name] = t.clone()
    torch.testing.assert_close(average.weights, expected)
    assert average.weights["norm.num_batches_tracked"] == 12
    assert not torch.equal(average.weights["norm.running_var"], model.norm.running_var)


def test_a_constant_buffer_stays_what_it_is():
    model = build("small_cnn", 3, image_size=8, rng=stream(0, "i"), mean=(0.1, 0.2, 0.3), std=(0.7, 0.8, 0.9))
    average = Average(model, 0.999)
    for update in range(50):
        average.update(update)
    assert torch.equal(average.weights["std"], model.std) and torch.equal(average.weights["mean"], model.mean)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_outside_is_refused(decay):
    with pytest.raises(ValueError, match="decay of the average"):
        Average(nn.Linear(1, 1), decay)


def test_a_training_returns_both_sets_of_weights():
    trained = train(recipe={"average": 0.9})
    model = Tiny()
    model.load_state_dict(trained.averaged)
    assert not torch.equal(trained.averaged["head.weight"], trained.weights["head.weight"])
    assert train().averaged is None
