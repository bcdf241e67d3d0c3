"""TRADES and free training against plain re-implementations of their papers' algorithms."""

import copy
import dataclasses

import pytest
import torch
from deep_objects import Linear, batch, gradients, network, soft_labels, streams
from torch.nn.functional import cross_entropy, kl_div

from advtransfer.objectives.deep.batch import Batch
from advtransfer.objectives.deep.kinds.free import Free
from advtransfer.objectives.deep.make import make_objective

TRADES = {"beta": 6.0, "norm": "linf", "eps": 0.06, "steps": 4}


def plain_trades(model, x, y, start, *, beta, eps, steps, smoothing=0.0):
    """Zhang et al. 2019, as in their published loop, but from the given start; y hard or soft."""
    model.eval()
    reference = model(x).softmax(1).detach()
    moved = (x + start).clamp(0, 1)
    for _ in range(steps):
        moved.requires_grad_(True)
        divergence = kl_div(model(moved).log_softmax(1), reference, reduction="sum")
        (gradient,) = torch.autograd.grad(divergence, [moved])
        moved = moved.detach() + 2.5 * eps / steps * gradient.sign()
        moved = torch.min(torch.max(moved, x - eps), x + eps).clamp(0, 1)
    model.train()
    clean, adversarial = model(x), model(moved)
    robust = kl_div(adversarial.log_softmax(1), clean.softmax(1), reduction="sum") / len(x)
    return cross_entropy(clean, y, label_smoothing=smoothing) + beta * robust, moved


def start(x, eps):
    return eps * (2 * streams().uniform(*x.shape)[0] - 1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("soft", [False, True])
def test_trades_is_the_papers_loss_and_gradient(smoothing, soft):
    b = batch(16)
    b = dataclasses.replace(b, y=soft_labels(16)) if soft else b
    model, reference = network(), network()
    outputs = make_objective({"trades": TRADES}, smoothing=smoothing)(model, b)
    settings = {"beta": 6.0, "eps": 0.06, "steps": 4, "smoothing": smoothing}
    loss, moved = plain_trades(reference, b.x, b.y, start(b.x, 0.06), **settings)
    torch.testing.assert_close(outputs["loss"], loss, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        gradients(model, outputs["loss"]), gradients(reference, loss), rtol=1e-2, atol=1e-3
    )
    for key, buffer in reference.named_buffers():  # one pass over clean and one over moved images
        torch.testing.assert_close(dict(model.named_buffers())[key], buffer, rtol=1e-4, atol=1e-5)
    assert outputs["adversarial_accuracy"] <= 1 and (moved - b.x).abs().max() > 0.05


def test_trades_weighs_both_terms():
    losses = {
        beta: make_objective({"trades": TRADES | {"beta": beta}})(network(), batch())["loss"].item()
        for beta in (0.0, 1.0, 2.0)
    }
    clean = make_objective(None)(network(), batch())["loss"].item()
    assert losses[0.0] == pytest.approx(clean, rel=1e-5)
    assert losses[2.0] - losses[1.0] == pytest.approx(losses[1.0] - losses[0.0], rel=1e-3)
    assert losses[1.0] > losses[0.0]


def test_the_attack_of_trades_climbs_to_an_end_of_the_ball():
    """On a linear model the KL grows along +w and along -w: from a random start it ends at one of the two corners."""
    model, count = Linear(), 24
    x = batch(count, (1, 4, 4), classes=2, low=0.3, high=0.7).x
    clean = model(x)
    ends = [
        kl_div(model(x + far * model.w.sign()).log_softmax(1), clean.softmax(1), reduction="none").sum(1)
        for far in (-0.05, 0.05)
    ]
    objective = make_objective({"trades": {"beta": 1e4, "norm": "linf", "eps": 0.05, "steps": 20}})
    reached = []
    for i in range(count):  # the loss of one example at a time
        one = Batch(x=x[i : i + 1], y=torch.tensor([i % 2]), streams=streams(i))
        reached.append((objective(model, one)["loss"] - _losses(clean[i : i + 1], one.y)[0]).item() / 1e4)
    reached = torch.tensor(reached)
    at = torch.stack([(reached - end).abs() < 0.01 * end for end in ends])
    assert at.any(0).all() and at.any(1).all()


def _losses(scores, y):
    return cross_entropy(scores, y, reduction="none")


# -- free training -----------------------------------------------------------------------------------------------------


def train_free(model, objective, batches, rate=0.1):
    """Plain gradient descent, as the loop drives an objective."""
    losses = []
    for b in batches:
        for outputs in objective.replay(model, b):
            model.zero_grad()
            outputs["loss"].backward()
            losses.append(outputs["loss"].item())
            with torch.no_grad():
                for p in model.parameters():
                    p.sub_(rate * p.grad)
    return losses


def plain_free(model, batches, *, eps, replays, norm, rate=0.1):
    """Algorithm 1 of Shafahi et al. 2019, with one delta for all batches."""
    delta, losses = torch.zeros_like(batches[0].x), []
    for b in batches:
        for _ in range(replays):
            x = (b.x + delta).clamp(0, 1).requires_grad_(True)
            loss = cross_entropy(model(x), b.y)
            found = torch.autograd.grad(loss, [x, *model.parameters()])
            losses.append(loss.item())
            with torch.no_grad():
                if norm == "linf":
                    delta = (x - b.x + eps * found[0].sign()).clamp(-eps, eps)
                else:
                    flat = found[0].flatten(1)
                    delta = x - b.x + eps * (flat / flat.norm(dim=1, keepdim=True)).view_as(x)
                    size = delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
                    delta = delta * (eps / size).clamp(max=1)
                for p, g in zip(model.parameters(), found[1:], strict=True):
                    p.sub_(rate * g)
    return losses


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.05), ("l2", 0.5)])
def test_free_training_is_the_papers_algorithm(norm, eps):
    batches = [batch(16, seed=seed) for seed in range(3)]
    model, reference = network(norm="group"), network(norm="group")
    objective = Free(eps=eps, replays=3, norm=norm)
    ours = train_free(model, objective, batches)
    theirs = plain_free(reference, batches, eps=eps, replays=3, norm=norm)
    assert len(ours) == 9
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.state_dict(), reference.state_dict(), rtol=1e-3, atol=1e-4)


def test_one_replay_of_free_training_starts_clean_and_the_next_batch_perturbed():
    model, b = network(), batch()
    objective = Free(eps=0.1, replays=1)
    clean = make_objective(None)(copy.deepcopy(model), b)["loss"]
    first, *_ = train_free(copy.deepcopy(model), objective, [b], rate=0.0)
    second, *_ = train_free(copy.deepcopy(model), objective, [b], rate=0.0)
    assert first == pytest.approx(clean.item(), rel=1e-5)
    assert second > 1.05 * first


def test_the_carried_perturbation_travels_through_its_state():
    b, later = batch(seed=0), batch(seed=1)
    one, other = Free(eps=0.1, replays=2), Free(eps=0.1, replays=2)
    model = network()
    train_free(model, one, [b, dataclasses.replace(b, part=3)])
    other.load_state({name: t.clone() for name, t in one.state().items()})
    assert one.state().keys() == {"delta_0", "delta_3"}
    assert one.state()["delta_0"].abs().max() == pytest.approx(0.1)
    for part in (0, 3):
        again = dataclasses.replace(later, part=part)
        losses = [train_free(copy.deepcopy(model), objective, [again]) for objective in (one, other)]
        assert losses[0] == losses[1]


def test_batches_of_another_shape_are_refused():
    objective, model = Free(eps=0.1, replays=1), network()
    train_free(model, objective, [batch(12)])
    with pytest.raises(ValueError, match=r"shape \(12, 3, 16, 16\), the next batch has \(8, 3, 16, 16\)"):
        train_free(model, objective, [batch(8)])


def test_a_loop_that_does_not_backpropagate_is_told_so():
    replays = Free(eps=0.1, replays=2).replay(network(), batch())
    next(replays)
    with pytest.raises(RuntimeError, match="needs the loss to be backpropagated"):
        next(replays)


def test_an_objective_without_state_refuses_one():
    with pytest.raises(ValueError, match="Perturbed keeps no state, was given delta_0"):
        make_objective(None).load_state({"delta_0": torch.zeros(1)})
