"""AdamW and its schedule against torch.optim, and the loop against an ordinary training."""

import pytest
import torch

from advtransfer.models import mlp
from advtransfer.objectives.classification import Classification, Gaussian, Unperturbed
from advtransfer.seeding import Streams
from advtransfer.training.adamw import AdamW, cosine
from advtransfer.training.batches import batch_indices, take
from advtransfer.training.loop import fit


@pytest.mark.parametrize("weight_decay", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_fifty_steps_equal_torch(weight_decay, scale):
    """Gradients of sizes that differ a millionfold between and within tensors, a new learning rate each step."""
    generator = torch.Generator().manual_seed(0)
    start = {"w": torch.randn(3, 20, 5, generator=generator), "b": torch.randn(3, 1, 5, generator=generator)}
    mine = {name: p.clone() for name, p in start.items()}
    theirs = {name: p.clone().requires_grad_(True) for name, p in start.items()}
    ours, torchs = (
        AdamW(mine, weight_decay=weight_decay),
        torch.optim.AdamW(theirs.values(), weight_decay=weight_decay),
    )
    for step in range(50):
        rate = 3e-2 * cosine(step, 50)
        gradients = {n: scale * torch.randn(p.shape, generator=generator).pow(5) for n, p in start.items()}
        ours.step(gradients, rate)
        for name, p in theirs.items():
            p.grad = gradients[name].clone()
        torchs.param_groups[0]["lr"] = rate
        torchs.step()
        for name, p in theirs.items():
            torch.testing.assert_close(mine[name], p.detach(), rtol=2e-6, atol=2e-7)
    assert all((mine[name] - p).abs().mean() > 0.01 for name, p in start.items())


def test_other_betas_equal_torch():
    p, q = torch.ones(4), torch.ones(4, requires_grad=True)
    ours = AdamW({"p": p}, weight_decay=0.1, betas=(0.5, 0.9))
    theirs = torch.optim.AdamW([q], lr=0.1, betas=(0.5, 0.9), weight_decay=0.1)
    for step in range(20):
        q.grad = torch.tensor([1.0, -2.0, 0.0, 1e-9]) * (step % 3 - 0.5)
        ours.step({"p": q.grad.clone()}, 0.1)
        theirs.step()
    torch.testing.assert_close(p, q.detach(), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("steps", [1, 7, 200])
def test_cosine_is_torchs_schedule(steps):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    for step in range(steps):
        assert cosine(step, steps) == pytest.approx(schedule.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        schedule.step()
    assert cosine(0, steps) == 1 and cosine(steps, steps) == pytest.approx(0)


# -- the loop ----------------------------------------------------------------------------------------------------------


def task(replicas=3, count=50):
    streams = Streams.of(1, range(replicas), "data")
    x = streams.normal(count, 6)
    y = (x[..., 0] + x[..., 1] > 0).long() + (x[..., 2] > 0).long()
    return x, y


def start(replicas=3):
    return mlp.initialise((6, 12, 3), Streams.of(0, range(replicas), "init"))


def batches(replicas=3, steps=40, size=10):
    pools = [torch.arange(50).numpy()] * replicas
    return batch_indices(pools, Streams.of(0, range(replicas), "batches"), steps=steps, size=size)


CLEAN = Classification(Unperturbed(), Streams(()))
RATE = {"learning_rate": 1e-2, "weight_decay": 0.1}


def test_fit_is_an_ordinary_training_of_each_replica():
    (x, y), indices = task(), batches()
    trained, curves = fit(start(), CLEAN, x, y, indices, **RATE)
    for replica in range(3):
        leaves = {name: p[replica].clone().requires_grad_(True) for name, p in start().items()}
        optimiser = torch.optim.AdamW(leaves.values(), lr=1e-2, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40)
        for step in range(40):
            rows = indices[step, replica]
            hidden = (x[replica, rows] @ leaves["weight_0"] + leaves["bias_0"]).relu()
            scores = hidden @ leaves["weight_1"] + leaves["bias_1"]
            loss = torch.nn.functional.cross_entropy(scores, y[replica, rows])
            assert curves["loss"][step, replica].item() == pytest.approx(loss.item(), rel=1e-3, abs=1e-5)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        for name, p in leaves.items():
            torch.testing.assert_close(trained[name][replica], p.detach(), rtol=1e-3, atol=1e-4)


def test_fit_learns_and_leaves_its_input_alone():
    x, y = task()
    before, given = start(), start()
    trained, curves = fit(given, CLEAN, x, y, batches(steps=150), **RATE)
    assert all(torch.equal(given[name], before[name]) for name in before)
    assert all(not torch.equal(trained[name], before[name]) for name in before)
    assert all(not p.requires_grad for p in trained.values())
    assert set(curves) == {"loss", "accuracy"} and curves["loss"].shape == (150, 3)
    assert (curves["loss"][-10:].mean(0) < 0.5 * curves["loss"][:10].mean(0)).all()
    assert (curves["accuracy"][-10:].mean(0) > 0.85).all()


def test_one_replica_alone_is_trained_as_in_company():
    x, y = task()
    indices = batches()
    together, curves = fit(
        start(), Classification(Gaussian(sigma=0.1), Streams.of(0, range(3))), x, y, indices, **RATE
    )
    one = {name: p[1:2] for name, p in start().items()}
    objective = Classification(Gaussian(sigma=0.1), Streams.of(0, [1]))
    alone, curve = fit(one, objective, x[1:2], y[1:2], indices[:, 1:2], **RATE)
    for name, p in alone.items():
        torch.testing.assert_close(p[0], together[name][1], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(curve["loss"][:, 0], curves["loss"][:, 1], rtol=1e-3, atol=1e-4)


def test_the_objective_sees_exactly_the_batches():
    x, y = task()
    seen, indices = [], batches(steps=3)

    def objective(parameters, xs, ys):
        seen.append((xs, ys))
        return {"loss": sum(p.sum((1, 2)) for p in parameters.values())}

    fit(start(), objective, x, y, indices, **RATE)
    assert len(seen) == 3
    for (xs, ys), rows in zip(seen, indices, strict=True):
        assert torch.equal(xs, take(x, rows)) and torch.equal(ys, take(y, rows))
