"""Heads against scikit-learn's LogisticRegression(C=1/strength), and where it has no answer, against the definition."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from advtransfer.models import mlp
from advtransfer.seeding import Streams
from advtransfer.transfer.heads import fit_heads


def reference(x, y, strength):
    model = LogisticRegression(C=1 / strength, solver="lbfgs", tol=1e-10, max_iter=20_000)
    return model.fit(x.double().numpy(), y.numpy())


def problems(count, examples, width, classes, seed=0, scale=1.0):
    """``count`` noisy linear problems in which every class occurs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, examples, width))
    teacher = rng.normal(size=(count, width, classes))
    y = (x @ teacher + rng.gumbel(size=(count, examples, classes))).argmax(2)
    y[:, :classes] = np.arange(classes)
    return torch.from_numpy(x * scale).float(), torch.from_numpy(y)


def objective(weight, bias, x, y, strength):
    """The documented objective of each problem, in float64."""
    log_p = (x.double() @ weight + bias).log_softmax(2)
    return 0.5 * strength * weight.square().sum((1, 2)) - log_p.gather(2, y[..., None]).sum((1, 2))


def gradient(heads, x, y, strength):
    """Its size by torch's autograd."""
    theta = [t.double().requires_grad_(True) for t in (heads.weight, heads.bias)]
    parts = torch.autograd.grad(objective(*theta, x, y, strength).sum(), theta)
    return torch.cat([p.flatten(1) for p in parts], dim=1).norm(dim=1)


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(("examples", "width", "classes"), [(60, 5, 3), (30, 40, 4), (200, 10, 10)])
def test_weights_and_probabilities_equal_scikit_learn(strength, examples, width, classes):
    x, y = problems(4, examples, width, classes)
    heads = fit_heads(x, y, classes=classes, strength=strength, tolerance=1e-10)
    probabilities = heads.logits(x).softmax(2)
    for i in range(4):
        expected = reference(x[i], y[i], strength)
        np.testing.assert_allclose(heads.weight[i].T, expected.coef_, atol=2e-4)
        bias = heads.bias[i, 0] - heads.bias[i, 0].mean()  # a shift of all biases changes nothing
        np.testing.assert_allclose(bias, expected.intercept_ - expected.intercept_.mean(), atol=2e-4)
        np.testing.assert_allclose(probabilities[i], expected.predict_proba(x[i].double()), atol=1e-4)


def test_default_tolerance_is_close_enough_for_accuracy():
    x, y = problems(10, 100, 20, 5)
    heads = fit_heads(x, y, classes=5, strength=1.0)
    rough = heads.logits(x).softmax(2)
    for i in range(10):
        expected = reference(x[i], y[i], 1.0).predict_proba(x[i].double())
        np.testing.assert_allclose(rough[i], expected, atol=2e-3)
        assert (rough[i].argmax(1).numpy() == expected.argmax(1)).mean() > 0.99


def test_two_classes_are_the_softmax_of_two_scores():
    """scikit-learn fits one vector w there: the same model with half the penalty, w = W_1 - W_0."""
    x, y = problems(3, 50, 6, 2)
    heads = fit_heads(x, y, classes=2, strength=1.0, tolerance=1e-10)
    for i in range(3):
        expected = reference(x[i], y[i], 0.5)
        np.testing.assert_allclose(
            heads.weight[i, :, 1] - heads.weight[i, :, 0], expected.coef_[0], atol=2e-4
        )
        probabilities = heads.logits(x).softmax(2)[i]
        np.testing.assert_allclose(probabilities, expected.predict_proba(x[i].double()), atol=1e-4)


@pytest.mark.parametrize("shots", [1, 2, 5, 10])
@pytest.mark.parametrize("space", ["raw", "untrained"])
def test_few_shot_heads_on_digits_equal_scikit_learn(shots, space):
    bunch = load_digits()
    rng = np.random.default_rng(shots)
    members = [rng.permutation(np.flatnonzero(bunch.target == c))[:shots] for c in range(10)]
    chosen = np.concatenate(members)
    x, y = torch.from_numpy(bunch.data / 16).float()[None], torch.from_numpy(bunch.target)[None]
    if space == "untrained":
        x = mlp.features(mlp.initialise((64, 128, 64, 10), Streams.of(0, [0], "init")), x)
    heads = fit_heads(x[:, chosen], y[:, chosen], classes=10, strength=10.0)
    expected = reference(x[0, chosen], y[0, chosen], 10.0)
    mine = heads.logits(x).softmax(2)[0]
    np.testing.assert_allclose(mine, expected.predict_proba(x[0].double()), atol=2e-3)
    assert (mine.argmax(1).numpy() == expected.predict(x[0].double())).mean() > 0.995


# -- batches of problems -----------------------------------------------------------------------------------------------


def test_a_problem_is_solved_alike_alone_and_in_company():
    x, y = problems(6, 40, 8, 3)
    x = x * torch.tensor([1.0, 100.0, 0.01, 1.0, 10.0, 0.1])[:, None, None]
    together = fit_heads(x, y, classes=3, strength=1.0).logits(x).softmax(2)
    for i in range(6):
        one = x[i : i + 1], y[i : i + 1]
        alone = fit_heads(*one, classes=3, strength=1.0).logits(one[0]).softmax(2)
        torch.testing.assert_close(together[i], alone[0], rtol=0, atol=1e-4)


def test_inputs_stay_as_they_were():
    x, y = problems(2, 10, 4, 3)
    before = x.clone(), y.clone()
    fit_heads(x, y, classes=3, strength=1.0)
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])


# -- degenerate and hard problems --------------------------------------------------------------------------------------


def test_one_example_a_class_is_recognised():
    x = torch.eye(10)[None] * 5
    y = torch.arange(10)[None]
    heads = fit_heads(x, y, classes=10, strength=0.1)
    assert torch.equal(heads.logits(x).argmax(2), y)
    assert heads.weight[0].diagonal().min() > heads.weight[0].fill_diagonal_(-9).max()


def test_features_that_say_nothing_leave_the_frequencies():
    y = torch.tensor([[0, 0, 0, 1, 1, 2]])
    heads = fit_heads(torch.zeros(1, 6, 4), y, classes=3, strength=1.0, tolerance=1e-10)
    assert (heads.weight == 0).all()
    torch.testing.assert_close(
        heads.bias.softmax(2)[0, 0], torch.tensor([3.0, 2.0, 1.0]) / 6, rtol=0, atol=1e-4
    )


def test_a_class_without_examples_becomes_unlikely_and_nothing_breaks():
    x, y = problems(1, 30, 4, 3)
    heads = fit_heads(x, y, classes=5, strength=1.0)
    probabilities = heads.logits(x).softmax(2)
    assert heads.weight.isfinite().all() and heads.bias.isfinite().all()
    assert probabilities[..., 3:].max() < 0.02


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1e4])
def test_separable_examples_with_little_or_much_penalty_stay_finite(strength):
    x = torch.cat([torch.randn(2, 20, 3) + 10, torch.randn(2, 20, 3) - 10], dim=1)
    y = torch.arange(2).repeat_interleave(20).expand(2, -1)
    heads = fit_heads(x, y, classes=2, strength=strength)
    assert heads.weight.isfinite().all()
    assert torch.equal(heads.logits(x).argmax(2), y)


def test_contradicting_labels_give_even_odds():
    x = torch.ones(1, 4, 2)
    heads = fit_heads(x, torch.tensor([[0, 1, 0, 1]]), classes=2, strength=1.0)
    torch.testing.assert_close(heads.logits(x).softmax(2), torch.full((1, 4, 2), 0.5))


@pytest.mark.parametrize("strength", [0.01, 1.0])
@pytest.mark.parametrize("spread", [1e2, 1e3])
def test_badly_scaled_features_converge(strength, spread):
    """Feature sizes that differ by a factor ``spread``: the Hessian's condition is its square."""
    x, y = problems(4, 80, 6, 3, seed=1)
    x = x * torch.logspace(0, np.log10(spread), 6) / spread**0.5
    heads = fit_heads(x, y, classes=3, strength=strength)
    reached = objective(heads.weight.double(), heads.bias.double(), x, y, strength)
    for i in range(4):
        best = reference(x[i], y[i], strength)
        weight, bias = torch.from_numpy(best.coef_.T)[None], torch.from_numpy(best.intercept_)
        lowest = objective(weight, bias, x[i : i + 1], y[i : i + 1], strength).item()
        assert lowest * (1 - 1e-6) <= reached[i].item() <= lowest * (1 + 1e-3)
        assert (heads.logits(x).argmax(2)[i].numpy() == best.predict(x[i].double())).mean() > 0.98
