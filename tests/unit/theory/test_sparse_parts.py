"""The parts of the sparse-coding study, each against an independent computation."""

from math import comb

import pytest
import torch
from torch import Tensor

from advtransfer.seeding import Streams
from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.sparse_coding.config import make_scenario
from advtransfer.theory.sparse_coding.data import make_problem, sample
from advtransfer.theory.sparse_coding.downstream import fit_margin, robustness, zero_gradient_share
from advtransfer.theory.sparse_coding.net import Net, make_net
from advtransfer.theory.sparse_coding.pretrain import logistic, pretrain
from advtransfer.theory.sparse_coding.purity import purity
from advtransfer.theory.sparse_coding.study import run_scenario
from advtransfer.training.adamw import AdamW

TINY = {"d": 8, "units": 12, "labels": 2, "steps": 6, "batch": 16, "head_points": 40, "test_points": 30,
        "attack_eps": [0.2], "attack_starts": 2, "attack_steps": 4}  # fmt: skip


def test_codes_noise_and_labels_follow_the_model():
    s = make_scenario({})
    problem = make_problem(s, range(2), seed=0)
    x, y = sample(s, problem, problem.source, 20_000, Streams.of(0, range(2), "test"))
    z = (x @ problem.dictionary).round()
    assert set(z.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert torch.equal((z @ problem.source).sign(), y)
    assert set(y.unique().tolist()) == {-1.0, 1.0}
    noise = x - z @ problem.dictionary.mT
    assert noise.std().item() == pytest.approx(0.3 / 30**0.5, rel=0.01)
    assert z.mean().item() == pytest.approx(0, abs=0.003)


def test_codes_have_the_density_of_the_model_given_no_tie():
    """k of 30 atoms are active with binomial probability; an even k ties with probability C(k, k/2) / 2^k."""
    s = make_scenario({"noise": 0.0})
    problem = make_problem(s, range(2), seed=0)
    x, _ = sample(s, problem, problem.downstream, 20_000, Streams.of(0, range(2), "test"))
    counts = (x @ problem.dictionary).round().abs().sum(2).long().flatten().bincount(minlength=31)
    binomial = torch.tensor([comb(30, k) * 0.1**k * 0.9 ** (30 - k) for k in range(31)])
    kept = torch.tensor([1 - (k % 2 == 0) * comb(k, k // 2) / 2**k for k in range(31)])
    expected = binomial * kept / (binomial * kept).sum()
    torch.testing.assert_close(counts / counts.sum(), expected, atol=0.01, rtol=0)


def test_replicas_draw_the_same_alone_and_together():
    s = make_scenario(TINY)
    together, alone = (make_problem(s, replicas, seed=3) for replicas in (range(4), [2]))
    torch.testing.assert_close(together.dictionary[2:3], alone.dictionary)
    a = sample(s, together, together.source, 50, Streams.of(3, range(4), "x"))
    b = sample(s, alone, alone.source, 50, Streams.of(3, [2], "x"))
    torch.testing.assert_close(a[0][2:3], b[0])
    torch.testing.assert_close(a[1][2:3], b[1])


def test_soft_threshold_is_soft_shrinkage_and_relu_is_its_positive_half():
    s = make_scenario(TINY)
    net = make_net(s, range(2), seed=0)
    x = torch.randn(2, 9, 8, generator=torch.Generator().manual_seed(0))
    net.bias.fill_(0.07)
    t = x @ net.weight
    soft = torch.nn.functional.softshrink(t, 0.07)
    relu = Net("relu", net.weight, net.bias, net.top, net.offset)
    free = Net("relu_no_bias", net.weight, net.bias, net.top, net.offset)
    torch.testing.assert_close(net.hidden(x), soft)
    torch.testing.assert_close(relu.hidden(x), soft.clamp_min(0))
    torch.testing.assert_close(free.hidden(x), t.clamp_min(0))
    torch.testing.assert_close(net.outputs(x), soft @ net.top + net.offset)
    assert "bias" not in free.trainable()


def test_logistic_is_the_sum_over_labels_of_log_one_plus_exp():
    scores, y = torch.tensor([[[0.3, -2.0]]]), torch.tensor([[[1.0, 1.0]]])
    expected = (1 + (-y * scores).exp()).log().sum()
    assert logistic(scores, y).item() == pytest.approx(expected.item(), rel=1e-6)


def test_adamw_without_decay_is_torch_adam():
    start = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    ours, theirs = {"w": start.clone()}, start.clone().requires_grad_(True)
    adam, reference = AdamW(ours, weight_decay=0.0), torch.optim.Adam([theirs], lr=0.02)
    for k in range(20):
        theirs.grad = 2 * theirs.detach() + 0.1 * k
        adam.step({"w": 2 * ours["w"] + 0.1 * k}, 0.02)
        reference.step()
    torch.testing.assert_close(ours["w"], theirs.detach())


def test_one_clean_step_is_a_step_of_torch_adam_per_replica():
    s = make_scenario({**TINY, "steps": 1, "variants": {"clean": "none", "adversarial": "l2"}})
    problem = make_problem(s, range(2), seed=0)
    nets = pretrain(s, problem, range(2), seed=0)
    x, y = sample(s, problem, problem.source, 16, Streams.of(0, range(2), "sparse_coding", "train", 0))
    for replica in range(2):
        start = make_net(s, [replica], seed=0)
        parameters = {k: v.requires_grad_(True) for k, v in start.trainable().items()}
        logistic(start.outputs(x[replica : replica + 1]), y[replica : replica + 1]).mean().backward()
        torch.optim.Adam(parameters.values(), lr=s.learning_rate).step()
        for name, value in parameters.items():
            torch.testing.assert_close(nets["clean"].trainable()[name][replica : replica + 1], value.detach())
    assert not torch.equal(nets["clean"].weight, nets["adversarial"].weight)


def test_purity_of_atoms_mixtures_and_importance():
    dictionary = torch.linalg.qr(torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(2)))[0]
    pure, mixed = 3 * dictionary[0, :, 0], dictionary[0, :, 1] + dictionary[0, :, 2]
    weight = torch.stack([pure, mixed], dim=1)[None]
    top = torch.tensor([[[1.0], [2.0]]])
    net = Net("relu", weight, torch.zeros(1, 1, 2), top, torch.zeros(1, 1, 1))
    units = purity(net, dictionary)
    torch.testing.assert_close(units.alignment, torch.tensor([[1.0, 0.5**0.5]]))
    importance = torch.tensor([3.0, 2 * 2**0.5]) / (3 + 2 * 2**0.5)
    torch.testing.assert_close(units.importance[0], importance)
    assert units.share_cos2().item() == pytest.approx((importance @ torch.tensor([1, 0.5])).item(), rel=1e-5)
    assert units.max_cos().item() == pytest.approx(
        (importance @ torch.tensor([1, 0.5**0.5])).item(), rel=1e-5
    )


def test_robust_accuracy_of_a_linear_margin_is_exact():
    """The worst l2 perturbation of a margin <w, x> costs eps |w|."""
    s = make_scenario({**TINY, "attack_steps": 20})
    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(2, 400, 8, generator=generator), torch.randn(8, generator=generator)

    def margin(q: Tensor) -> Tensor:
        return q @ w + 1.0

    result = robustness(s, margin, x, 0.2, Streams.of(0, range(2), "attack"))
    exact = (margin(x) > 0.2 * w.norm()).float().mean(1)
    torch.testing.assert_close(result.accuracy, exact, atol=0.005, rtol=0)
    assert (result.one_start >= result.accuracy).all()


def test_more_starts_only_lower_robust_accuracy_where_gradients_mislead():
    """A margin with two walls, the nearer one behind a flat top: one start misses it, ten find it."""
    s = make_scenario({**TINY, "attack_starts": 10, "attack_steps": 20})

    def margin(q: Tensor) -> Tensor:
        return torch.minimum(1 - q[..., 0], 0.5 + 4 * q[..., 0] - 0.3).clamp_max(0.25)

    x = torch.zeros(1, 200, 8)
    result = robustness(s, margin, x, 0.4, Streams.of(0, [0], "attack"))
    assert result.accuracy.item() < result.one_start.item()
    assert zero_gradient_share(lambda q: margin(q).clamp_max(0.1), x).item() == 1.0
    assert zero_gradient_share(lambda q: q.sum(2), x).item() == 0.0


def test_head_separates_a_task_that_its_features_separate():
    s = make_scenario({**TINY, "d": 8, "units": 8})
    problem = make_problem(s, range(2), seed=0)
    eye = torch.eye(8).expand(2, 8, 8)
    net = Net(
        "soft_threshold", problem.dictionary @ eye, torch.full((2, 1, 8), 0.3), eye, torch.zeros(2, 1, 8)
    )
    x, y = sample(s, problem, problem.downstream, 400, Streams.of(0, range(2), "x"))
    margin = fit_margin(s, net, x[:, :200], y[:, :200])
    assert (margin(x[:, 200:], y[:, 200:]) > 0).float().mean() > 0.99


def test_replicas_do_not_depend_on_their_company():
    together = run_scenario(TINY, replicas=3, seed=5)
    alone = run_scenario(TINY, replicas=1, seed=5, first=2)
    for variant, (metrics, units) in alone.items():
        for name, values in {**metrics, **units}.items():
            reference = {**together[variant][0], **together[variant][1]}[name]
            torch.testing.assert_close(
                torch.tensor(reference[2:]), torch.tensor(values), atol=2e-3, rtol=1e-3
            )


def test_no_replicas_is_refused():
    with pytest.raises(InvalidScenario, match="replicas = 0"):
        run_scenario(TINY, replicas=0)
