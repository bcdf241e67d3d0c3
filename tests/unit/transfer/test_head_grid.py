"""The grid of heads against scikit-learn's LogisticRegression(C=1/strength) and against the definition."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from advtransfer.transfer.deep.standardise import Standardiser
from advtransfer.transfer.descent import minimise
from advtransfer.transfer.heads import HeadGrid, Heads, correct, fit_grid, fit_heads, linear_layer
from advtransfer.transfer.spans import ExampleSpan, FeatureSpan, span_of

STRENGTHS = [0.01, 1.0, 100.0]
SHAPES = [(20, 64, 10), (30, 31, 3), (64, 64, 4), (200, 16, 5), (60, 5, 3)]  # examples, features, classes
EXACT = {"tolerance": 1e-16, "max_steps": 5000}  # in float64


def problems(count, examples, width, classes, seed=0):
    """``count`` noisy linear problems in float64, standardised, of correlated features; every class occurs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, examples, width)) @ rng.normal(size=(width, width))
    y = (
        x @ rng.normal(size=(count, width, classes)) / 4 + rng.gumbel(size=(count, examples, classes))
    ).argmax(2)
    y[:, :classes] = np.arange(classes)
    x = (x - x.mean((0, 1))) / x.std((0, 1))
    return torch.from_numpy(x), torch.from_numpy(y)


def objective(weight, bias, x, y, strength):
    """The documented objective in float64: weight [d, C], bias [C], x [n, d]."""
    log_p = (x.double() @ weight.double() + bias.double()).log_softmax(1)
    return (0.5 * strength * weight.double().square().sum() - log_p.gather(1, y[:, None]).sum()).item()


def reference(x, y, strength):
    # of scikit-learn's solvers the one that ends nearest to the minimum
    model = LogisticRegression(C=1 / strength, solver="newton-cholesky", tol=1e-10)
    return model.fit(x.double().numpy(), y.numpy())


def objectives(grid, x, y):
    """[P, S] of a grid."""
    return np.array(
        [
            [
                objective(grid.weight[p, s], grid.bias[p, s, 0], x[p], y[p], float(grid.strengths[s]))
                for s in range(n)
            ]
            for p, n in enumerate([len(grid.strengths)] * len(x))
        ]
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_probabilities_and_objective_equal_scikit_learn(shape):
    x, y = problems(2, *shape)
    grid = fit_grid(x, y, classes=shape[2], strengths=STRENGTHS, **EXACT)
    reached = objectives(grid, x, y)
    for p in range(2):
        for s, strength in enumerate(STRENGTHS):
            expected = reference(x[p], y[p], strength)
            np.testing.assert_allclose(grid.weight[p, s].T, expected.coef_, atol=1e-6)
            bias = grid.bias[p, s, 0] - grid.bias[p, s, 0].mean()  # a shift of all biases changes nothing
            np.testing.assert_allclose(bias, expected.intercept_ - expected.intercept_.mean(), atol=1e-6)
            probabilities = grid.pick(torch.tensor([s, s])).logits(x).softmax(2)[p]
            np.testing.assert_allclose(probabilities, expected.predict_proba(x[p].numpy()), atol=1e-6)
            weight, intercept = torch.from_numpy(expected.coef_.T), torch.from_numpy(expected.intercept_)
            lowest = objective(weight, intercept, x[p], y[p], strength)
            assert reached[p, s] <= lowest * (1 + 1e-12)


def test_the_usual_solver_of_scikit_learn_ends_no_lower():
    x, y = problems(1, 60, 100, 5)
    grid = fit_grid(x, y, classes=5, strengths=STRENGTHS, tolerance=1e-9)
    for s, strength in enumerate(STRENGTHS):
        usual = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=50_000).fit(x[0].numpy(), y[0].numpy())
        theirs = objective(
            torch.from_numpy(usual.coef_.T), torch.from_numpy(usual.intercept_), x[0], y[0], strength
        )
        assert objective(grid.weight[0, s], grid.bias[0, s, 0], x[0], y[0], strength) <= theirs * (1 + 1e-8)


def test_the_gradient_is_zero_at_the_minimum():
    x, y = problems(2, 40, 60, 4)
    grid = fit_grid(x, y, classes=4, strengths=STRENGTHS, **EXACT)
    for s, strength in enumerate(STRENGTHS):
        weight, bias = grid.weight[:, s].requires_grad_(), grid.bias[:, s].requires_grad_()
        log_p = (x @ weight + bias).log_softmax(2)
        loss = 0.5 * strength * weight.square().sum() - log_p.gather(2, y[..., None]).sum()
        for gradient in torch.autograd.grad(loss, [weight, bias]):
            assert gradient.abs().max() < 1e-6


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4, 1e-6])
def test_the_tolerance_is_about_the_relative_excess(tolerance):
    for shape in SHAPES:
        x, y = problems(3, *shape)
        best = objectives(fit_grid(x, y, classes=shape[2], strengths=STRENGTHS, **EXACT), x, y)
        found = fit_grid(x, y, classes=shape[2], strengths=STRENGTHS, tolerance=tolerance)
        excess = objectives(found, x, y) / best - 1
        assert excess.max() < 10 * tolerance


def test_the_default_in_float32_predicts_like_the_minimum():
    x, y = problems(1, 2000, 40, 5)
    train, test = slice(200), slice(200, None)
    grid = fit_grid(x[:, train].float(), y[:, train], classes=5, strengths=STRENGTHS)
    assert grid.weight.dtype == torch.float32
    for s, strength in enumerate(STRENGTHS):
        expected = reference(x[0, train], y[0, train], strength).predict(x[0, test].numpy())
        mine = grid.pick(torch.tensor([s])).logits(x[:, test].float())[0].argmax(1)
        assert (mine.numpy() == expected).mean() > 0.995


@pytest.mark.parametrize("shape", SHAPES)
def test_both_spans_find_the_same_heads(shape):
    x, y = problems(2, *shape)
    x = x - x.mean(1, keepdim=True)
    strengths = torch.tensor(STRENGTHS).double()
    found = []
    for span in (FeatureSpan(x), ExampleSpan(x)):
        minimum = minimise(
            span, y, strengths.expand(len(y), -1), classes=shape[2], tolerance=1e-13, max_steps=5000
        )
        found.append((span.weights(minimum.coordinates), minimum.bias))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_few_examples_are_solved_in_their_span():
    assert isinstance(span_of(torch.zeros(1, 9, 10)), ExampleSpan)
    assert isinstance(span_of(torch.zeros(1, 11, 10)), FeatureSpan)


def test_they_are_the_heads_of_the_small_studies():
    x, y = problems(3, 50, 12, 4)
    grid = fit_grid(x, y, classes=4, strengths=[0.5, 2.0], **EXACT)
    heads = fit_heads(x, y, classes=4, strength=2.0, tolerance=1e-10)
    torch.testing.assert_close(grid.weight[:, 1], heads.weight, rtol=0, atol=1e-5)


def test_problems_and_strengths_do_not_influence_each_other():
    x, y = problems(3, 40, 60, 4)
    together = fit_grid(x, y, classes=4, strengths=STRENGTHS)
    for p in range(3):
        for s, strength in enumerate(STRENGTHS):
            alone = fit_grid(x[p : p + 1], y[p : p + 1], classes=4, strengths=[strength])
            torch.testing.assert_close(together.weight[p, s], alone.weight[0, 0], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(together.bias[p, s], alone.bias[0, 0], rtol=1e-9, atol=1e-9)


def test_a_shift_of_the_features_changes_the_bias_alone():
    x, y = problems(1, 30, 50, 3)
    shift = torch.arange(50.0).double()
    plain, shifted = (fit_grid(z, y, classes=3, strengths=[1.0], **EXACT) for z in (x, x + shift))
    torch.testing.assert_close(plain.weight, shifted.weight, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        plain.pick(torch.tensor([0])).logits(x), shifted.pick(torch.tensor([0])).logits(x + shift)
    )


# -- degenerate problems -----------------------------------------------------------------------------------------------


def test_one_example_a_class_is_recognised():
    x, y = torch.eye(10)[None] * 5, torch.arange(10)[None]
    grid = fit_grid(x, y, classes=10, strengths=[1e-6, 0.1, 10.0])
    for s in range(3):
        assert correct(grid.pick(torch.tensor([s])), x[0], y[0]).all()


def test_features_that_say_nothing_leave_the_frequencies():
    y = torch.tensor([[0, 0, 0, 1, 1, 2]])
    grid = fit_grid(torch.zeros(1, 6, 4), y, classes=3, strengths=[1.0], tolerance=1e-7)
    assert (grid.weight == 0).all()
    torch.testing.assert_close(
        grid.bias.softmax(3)[0, 0, 0], torch.tensor([3.0, 2.0, 1.0]) / 6, rtol=0, atol=1e-3
    )


def test_contradicting_labels_give_even_odds():
    grid = fit_grid(torch.ones(1, 4, 8), torch.tensor([[0, 1, 0, 1]]), classes=2, strengths=[1.0])
    scores = grid.pick(torch.tensor([0])).logits(torch.ones(1, 4, 8))
    torch.testing.assert_close(scores.softmax(2), torch.full((1, 4, 2), 0.5))


def test_a_class_without_examples_becomes_unlikely_and_nothing_breaks():
    x, y = problems(1, 30, 4, 3)
    grid = fit_grid(x, y, classes=5, strengths=[1.0])
    assert grid.pick(torch.tensor([0])).logits(x).softmax(2)[..., 3:].max() < 0.02


def test_what_few_steps_leave_is_finished():
    x, y = problems(2, 40, 60, 4)
    hasty = fit_grid(x, y, classes=4, strengths=[0.01, 1e5], max_steps=1)
    patient = fit_grid(x, y, classes=4, strengths=[0.01, 1e5])
    np.testing.assert_allclose(objectives(hasty, x, y), objectives(patient, x, y), rtol=1e-5)


def test_wrong_inputs_are_refused():
    x, y = problems(1, 10, 4, 3)
    for strengths in ([], [1.0, 0.0], [-1.0]):
        with pytest.raises(ValueError, match="strengths must be above 0"):
            fit_grid(x, y, classes=3, strengths=strengths)
    with pytest.raises(ValueError, match="not finite"):
        fit_grid(x.index_fill(1, torch.tensor([3]), torch.nan), y, classes=3, strengths=[1.0])


# -- the choice of the strength ----------------------------------------------------------------------------------------


def test_the_strength_with_the_most_right_validation_examples_is_chosen():
    """Two classes, one feature; the sign of each head's weight decides which of 10 examples it gets right."""
    x = torch.tensor([[1.0]] * 6 + [[-1.0]] * 4)
    y = torch.tensor([1] * 10)  # a positive weight is right on 6 of 10, a negative one on 4, zero on none
    signs = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 0.0, 1.0]])
    grid = grid_of(signs, [0.1, 1.0, 10.0])
    assert grid.choose(x, y).tolist() == [0, 2]
    assert grid.pick(grid.choose(x, y)).weight[:, 0, 1].tolist() == [1.0, 1.0]


def test_of_equally_good_strengths_the_largest_is_chosen_in_any_order():
    x, y = torch.tensor([[1.0]]), torch.tensor([1])
    signs = torch.tensor([[1.0, 1.0, 1.0, -1.0]])
    assert grid_of(signs, [0.1, 10.0, 1.0, 100.0]).choose(x, y).tolist() == [1]
    assert grid_of(signs[:, [3, 2, 1, 0]], [100.0, 1.0, 10.0, 0.1]).choose(x, y).tolist() == [2]


def grid_of(signs, strengths):
    """Heads of 2 classes on one feature: class 1 scores sign * x, class 0 a little above 0."""
    weight = torch.stack([torch.zeros_like(signs), signs], dim=-1)[:, :, None]
    bias = torch.tensor([0.1, 0.0]).expand(*signs.shape, 1, 2)
    return HeadGrid(weight=weight, bias=bias, strengths=torch.tensor(strengths))


def test_validation_prefers_the_penalty_that_generalises():
    """Few examples of many noisy features: the accuracy on 2,000 new ones confirms the choice made on 1,000."""
    rng = np.random.default_rng(1)
    teacher = np.zeros((100, 4))
    teacher[:4] = 2 * np.eye(4)
    x = rng.normal(size=(3040, 100))
    y = (x @ teacher + rng.gumbel(size=(3040, 4))).argmax(1)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    grid = fit_grid(x[None, :40], y[None, :40], classes=4, strengths=[1e-3, 1e-1, 10.0, 1e3, 1e5])
    choice = grid.choose(x[40:1040], y[40:1040])
    accuracies = [
        correct(grid.pick(torch.tensor([s])), x[1040:], y[1040:]).double().mean().item() for s in range(5)
    ]
    assert accuracies[int(choice)] > max(accuracies) - 0.02
    assert max(accuracies) - min(accuracies) > 0.03  # there was something to choose


# -- use ---------------------------------------------------------------------------------------------------------------


def test_correct_is_the_heads_own_decision():
    x, y = problems(3, 40, 6, 4)
    heads = fit_grid(x, y, classes=4, strengths=[1.0]).pick(torch.zeros(3, dtype=torch.int64))
    new, labels = torch.randn(50, 6).double(), torch.randint(0, 4, (50,))
    expected = heads.logits(new.expand(3, -1, -1)).argmax(2) == labels
    assert torch.equal(correct(heads, new, labels), expected)
    assert expected.any() and not expected.all()


def test_a_head_as_a_layer_takes_features_as_the_network_gives_them():
    raw = 3 * torch.randn(50, 6) + torch.arange(6)
    standardise = Standardiser.of(raw)
    heads = Heads(weight=torch.randn(2, 6, 4), bias=torch.randn(2, 1, 4))
    for p in range(2):
        expected = heads.logits(standardise(raw).expand(2, -1, -1))[p]
        torch.testing.assert_close(linear_layer(heads, p, standardise)(raw), expected, rtol=1e-4, atol=1e-4)
