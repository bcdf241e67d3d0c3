"""The loop against ordinary training, and what it must refuse."""

import math

import numpy as np
import pytest
import torch
from deep_lab import ADAMW, CLASSES, COUNT, SGD, Tiny, images, loader, shifted, train, whole
from torch import nn
from torch.nn.functional import cross_entropy

from advtransfer.data.natural.images import Batch
from advtransfer.objectives.deep.batch import Objective
from advtransfer.training.deep.execution import Execution
from advtransfer.training.deep.optimisation import Optimisation
from advtransfer.training.deep.preparation import Preparation
from advtransfer.training.deep.randomness import Randomness

PGD = {"attack": {"norm": "linf", "eps": 0.05, "steps": 2}}
NO_DECAY = {"norm.weight", "norm.bias", "head.bias"}


def plain(model, optimisation, *, steps=10, size=12, clip=None):
    """Ordinary training with torch's own optimiser and hand-written schedule; returns losses and accuracies."""
    decay = [p for name, p in model.named_parameters() if name not in NO_DECAY]
    rest = [p for name, p in model.named_parameters() if name in NO_DECAY]
    groups = [
        {"params": decay, "weight_decay": optimisation.weight_decay},
        {"params": rest, "weight_decay": 0},
    ]
    rate = optimisation.learning_rate
    if optimisation.name == "sgd":
        optimiser = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
    else:
        optimiser = torch.optim.AdamW(groups, lr=rate)
    rising, curve = round(optimisation.warmup * steps), []
    for step, stored in zip(range(steps), loader(whole(size))(0), strict=False):
        done = (step - rising) / (steps - rising)
        factor = (step + 1) / rising if step < rising else (1 + math.cos(math.pi * done)) / 2
        for group in optimiser.param_groups:
            group["lr"] = rate * factor
        optimiser.zero_grad()
        scores = model(stored.x / 255)
        loss = cross_entropy(scores, stored.y)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        curve.append((loss.item(), (scores.argmax(1) == stored.y).float().mean().item()))
    return torch.tensor(curve)


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("optimisation", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_it_is_ordinary_training(norm, optimisation):
    reference, model = Tiny(norm), Tiny(norm)
    curve = plain(reference, optimisation)
    trained = train(model, optimisation=optimisation)
    torch.testing.assert_close(
        torch.stack([trained.curves["loss"], trained.curves["accuracy"]], 1), curve, rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(trained.weights, reference.state_dict(), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(trained.weights[name], t) for name, t in model.state_dict().items())
    assert not model.training


def test_gradients_are_clipped_as_a_whole():
    reference, model = Tiny(), Tiny()
    curve = plain(reference, SGD, clip=0.1)
    trained = train(model, optimisation=Optimisation(**vars(SGD) | {"clip": 0.1}))
    torch.testing.assert_close(trained.curves["loss"], curve[:, 0], rtol=1e-4, atol=1e-5)
    unclipped = train(optimisation=SGD).curves["loss"]
    assert (unclipped - curve[:, 0]).abs().max() > 0.05


def test_it_learns():
    curves = train(steps=120, spec=PGD).curves
    assert curves["loss"].shape == curves["accuracy"].shape == (120,)
    assert curves["loss"][-20:].mean() < 0.5 * curves["loss"][:5].mean()
    assert curves["accuracy"][-20:].mean() > 0.9


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_parts_add_up_to_the_batch(parts):
    whole = train(Tiny("group"))
    cut = train(Tiny("group"), recipe={"accumulate": parts})
    torch.testing.assert_close(cut.curves, whole.curves, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cut.weights, whole.weights, rtol=1e-3, atol=1e-5)
    other = train(Tiny("group"), size=6)
    assert (other.curves["loss"] - whole.curves["loss"]).abs().max() > 0.01


def test_soft_parts_add_up_too():
    rng = np.random.default_rng(0)
    targets = torch.from_numpy(rng.dirichlet([0.5] * CLASSES, COUNT)).float()
    preparation = Preparation(targets=targets)
    whole = train(preparation=preparation)
    cut = train(preparation=preparation, recipe={"accumulate": 4})
    torch.testing.assert_close(cut.curves, whole.curves, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cut.weights, whole.weights, rtol=1e-3, atol=1e-5)


def test_the_same_arguments_give_the_same_bytes_and_another_replica_other_ones():
    arguments = {"spec": PGD, "preparation": Preparation(augment=shifted), "recipe": {"average": 0.9}}
    one, same = (train(Tiny("batch", dropout=0.5), **arguments) for _ in range(2))
    other = train(Tiny("batch", dropout=0.5), randomness=Randomness(5, 3), **arguments)
    for name, tensor in one.weights.items():
        assert torch.equal(tensor, same.weights[name])
    assert torch.equal(one.curves["loss"], same.curves["loss"])
    assert not torch.equal(one.curves["loss"], other.curves["loss"])


def test_nothing_outside_is_touched():
    model, state = Tiny(dropout=0.5), torch.get_rng_state()
    flags = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    train(model, PGD, execution=Execution(tf32=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()) == flags
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_the_global_random_state_does_not_reach_inside():
    losses = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        losses.append(train(Tiny(dropout=0.5), spec=PGD).curves["loss"])
    assert torch.equal(*losses)


def test_dropout_draws_anew_at_every_step():
    """The same batch, no learning: only dropout moves the loss."""
    still = Optimisation(name="sgd", learning_rate=0.0, weight_decay=0.0)
    losses = train(Tiny(dropout=0.5), size=COUNT, optimisation=still).curves["loss"]
    assert len(set(losses.tolist())) == 10
    assert (
        len(set(train(Tiny(), size=COUNT, optimisation=still, steps=5).curves["loss"].round(decimals=4))) == 5
    )


# -- partial fine-tuning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [None, PGD, {"free": {"eps": 0.05, "replays": 2}}])
def test_what_is_frozen_stays_with_its_statistics(spec):
    model = Tiny("batch")
    model.conv.requires_grad_(False)
    model.norm.requires_grad_(False)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    after = train(model, spec, recipe={"average": 0.9})
    for name, tensor in before.items():
        assert torch.equal(after.weights[name], tensor) == (not name.startswith("head"))
        assert torch.equal(after.averaged[name], tensor) == (not name.startswith("head"))


def test_statistics_of_a_layer_that_learns_move():
    after = train(Tiny("batch"))
    assert not torch.equal(after.weights["norm.running_mean"], Tiny("batch").norm.running_mean)
    assert after.weights["norm.num_batches_tracked"] == 10


def test_a_model_of_which_nothing_learns_is_refused():
    model = Tiny()
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter of the model learns"):
        train(model)


# -- replays -----------------------------------------------------------------------------------------------------------


class Recorder(Objective):
    """Counts how it is driven."""

    def __init__(self, replays, yields=None):
        self.replays, self.yields, self.log = replays, yields or replays, []

    def __call__(self, model, batch):
        raise AssertionError("the loop drives replays")

    def replay(self, model, batch):
        for number in range(self.yields):
            weight = model.head.weight
            before = weight.detach().clone()
            yield {"loss": model(batch.x).square().mean()}
            self.log.append((number, batch.part, weight.grad is not None, torch.equal(before, weight)))


def test_every_replay_is_an_update_and_the_generator_runs_to_its_end():
    objective = Recorder(3)
    curves = train(spec=objective, steps=2).curves
    assert curves["loss"].shape == (6,)
    assert [number for number, *_ in objective.log] == [0, 1, 2, 0, 1, 2]
    assert not any(same for *_, same in objective.log)  # behind each yield the weights had moved


def test_parts_of_a_batch_take_turns_within_a_replay():
    objective = Recorder(2)
    train(spec=objective, steps=1, recipe={"accumulate": 3})
    assert [(number, part) for number, part, *_ in objective.log] == [
        (n, p) for n in (0, 1) for p in (0, 1, 2)
    ]


@pytest.mark.parametrize(("yields", "than"), [(1, "less"), (4, "more")])
def test_a_generator_that_yields_too_little_or_too_much_is_told_so(yields, than):
    with pytest.raises(RuntimeError, match=f"Recorder yields {than} often than its 3 replays"):
        train(spec=Recorder(3, yields), steps=1)


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_batches_that_end_early_are_told_so():
    def short(start):
        yield from list(zip(range(4), loader()(start), strict=False))[start:]

    def three(start):
        for _, stored in short(start):
            yield stored

    with pytest.raises(ValueError, match="the batches ended at step 4 of 10"):
        train(batches=three)


def test_a_batch_that_cannot_be_cut_evenly_is_refused():
    with pytest.raises(ValueError, match="a batch of 12 cannot be cut into 5 parts"):
        train(recipe={"accumulate": 5})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_training(value):
    targets = torch.ones(COUNT, CLASSES)
    x, y = images()

    def batches(start):
        for step in range(start, 10):
            index = torch.arange(12)
            yield Batch(x[index], y[index], index if step < 6 else torch.full_like(index, COUNT - 1))

    targets[-1] = value
    with pytest.raises(FloatingPointError, match=f"the loss is {value} at update 6"):
        train(batches=batches, preparation=Preparation(targets=targets))


# -- arithmetic --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [None, PGD, {"free": {"eps": 0.05, "replays": 2}}])
def test_bfloat16_is_close_and_keeps_float32_weights(spec):
    exact, rough = (train(spec=spec, execution=Execution(bf16=bf16)) for bf16 in (False, True))
    assert all(t.dtype == torch.float32 for t in rough.weights.values())
    assert not torch.equal(exact.curves["loss"], rough.curves["loss"])
    torch.testing.assert_close(exact.curves["loss"], rough.curves["loss"], rtol=0.05, atol=0.03)


def test_the_memory_format_does_not_change_the_result():
    fast, slow = (train(Tiny("batch"), PGD, execution=Execution(channels_last=cl)) for cl in (True, False))
    torch.testing.assert_close(fast.curves["loss"], slow.curves["loss"], rtol=1e-3, atol=1e-4)
    model = Tiny()
    train(model, steps=1)
    assert model.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_randomness_of_a_step_does_not_depend_on_the_steps_before():
    """A training of 10 steps and one whose first 9 batches are black end in the same last loss."""
    still = Optimisation(name="sgd", learning_rate=0.0, weight_decay=0.0)
    arguments = {"optimisation": still, "spec": PGD, "preparation": Preparation(augment=shifted)}
    long = train(Tiny(dropout=0.5), **arguments)
    x, y = images()

    def only_last(start):
        for step, stored in zip(range(10), loader()(0), strict=False):
            yield stored if step == 9 else Batch(x[:12] * 0, y[:12] * 0, torch.arange(12))

    short = train(Tiny(dropout=0.5), batches=only_last, **arguments)
    assert long.curves["loss"][9] == short.curves["loss"][9]
    assert long.curves["loss"][8] != short.curves["loss"][8]
