"""AutoAttack by stages: bounds, the reference implementation, and nets that only one of the four attacks can fool."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from digits_network import digits, trained
from torch import nn

from advtransfer.attacks.pgd import PGD
from advtransfer.evaluation.autoattack import STAGES, AutoAttack, pgd_correct
from advtransfer.seeding import Streams

LINF = AutoAttack(norm="linf", eps=0.1, seed=0, batch_size=20, steps=25, targets=4, queries=50)
L2 = replace(LINF, norm="l2", eps=0.7)
QUICK = replace(LINF, steps=10, targets=3)


@pytest.fixture(scope="module")
def network():
    return trained()


@pytest.fixture(scope="module")
def images():
    x, y = digits()
    return x[1500:1540], y[1500:1540]


@pytest.fixture(scope="module")
def results(network, images):
    return {attack.norm: attack(network, *images) for attack in (LINF, L2)}


def share(right):
    return right.float().mean().item()


def pgd(network, images, attack, **options):
    asked = {"norm": attack.norm, "eps": attack.eps, "steps": 20, "restarts": 2, "clip": (0.0, 1.0)} | options
    return pgd_correct(network, *images, PGD(**asked), Streams.of(0, [0]), batch_size=15)


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_each_stage_leaves_at_most_what_the_one_before_left(results, network, images, norm):
    after = results[norm]
    assert tuple(after) == STAGES
    assert torch.equal(after["clean"], network(images[0]).argmax(1) == images[1])
    for earlier, later in pairwise(STAGES):
        assert (after[later] <= after[earlier]).all()
    assert 0.1 < share(after["square"]) < share(after["clean"]) - 0.2  # there was something to attack


@pytest.mark.parametrize("attack", [LINF, L2], ids=["linf", "l2"])
def test_autoattack_leaves_at_most_what_our_pgd_leaves_and_that_at_most_clean(
    results, network, images, attack
):
    after, left = results[attack.norm], pgd(network, images, attack)
    assert share(after["square"]) <= share(left) < share(after["clean"])
    assert (left <= after["clean"]).all()
    assert share(pgd(network, images, attack, steps=1, restarts=1)) > share(
        left
    )  # a weaker attack leaves more


def test_a_smaller_ball_leaves_more(results, network, images):
    assert share(results["linf"]["square"]) < share(replace(QUICK, eps=0.03)(network, *images)["square"])


def test_a_ball_that_holds_every_image_leaves_nothing(network, images):
    after = replace(QUICK, eps=1.0)(network, *images)
    assert share(after["apgd-t"]) == 0.0


# -- the reference implementation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", [LINF, L2], ids=["linf", "l2"])
@pytest.mark.filterwarnings("ignore:size_average and reduce")
def test_the_first_two_stages_are_those_of_the_authors_program(results, network, images, attack):
    """Image by image, with the same seed."""
    authors = pytest.importorskip("autoattack.autopgd_pt")  # torchattacks 3.3.0 brings it along
    norm = {"linf": "Linf", "l2": "L2"}[attack.norm]
    common = {"norm": norm, "eps": attack.eps, "n_iter": attack.steps, "seed": 0, "device": "cpu"}
    attacks = {
        "apgd-ce": authors.APGDAttack(network, loss="ce", **common),
        "apgd-t": authors.APGDAttack_targeted(network, n_target_classes=attack.targets, **common),
    }
    left = results[attack.norm]["clean"].clone()
    with torch.random.fork_rng():
        for name, run in attacks.items():
            for rows in left.nonzero()[:, 0].split(attack.batch_size):
                left[rows] = run.perturb(images[0][rows], images[1][rows])[0]
            assert torch.equal(left, results[attack.norm][name])


def test_the_settings_are_those_of_the_papers_standard_version(network):
    ce, targeted, fab, square = AutoAttack(norm="linf", eps=0.1, seed=3, batch_size=8)._attacks(network, 200)
    assert [a.steps for a in (ce, targeted, fab)] == [100, 100, 100]
    assert [a.n_target_classes for a in (targeted, fab)] == [9, 9] and fab.multi_targeted
    assert square.n_queries == 5000 and not square.rescale_schedule
    assert [a.n_restarts for a in (ce, targeted, fab, square)] == [1] * 4
    assert [a.seed for a in (ce, targeted, fab, square)] == [3] * 4
    assert [a.eps for a in (ce, targeted, fab, square)] == [0.1] * 4 and ce.loss == "ce"
    few = AutoAttack(norm="linf", eps=0.1, seed=3, batch_size=8)._attacks(network, 5)
    assert [a.n_target_classes for a in few[1:3]] == [4, 4]  # of 5 classes 4 are wrong


# -- what only one of the attacks finds --------------------------------------------------------------------------------


class Scaled(nn.Module):
    """Scores so large that the cross entropy of a right image is 0 in float32, and its gradient with it."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return 1e4 * self.network(x)


class Steps(nn.Module):
    """Pixels rounded to 16 levels: the gradient is 0 everywhere."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network((16 * x).round() / 16)


def test_scores_that_blind_the_cross_entropy_do_not_blind_the_targeted_loss(results, network, images):
    after = LINF(Scaled(network), *images)
    assert share(after["apgd-ce"]) > share(results["linf"]["apgd-ce"]) + 0.1
    assert share(after["apgd-t"]) == pytest.approx(share(results["linf"]["apgd-t"]), abs=0.03)


def test_a_net_without_gradients_is_fooled_by_square_alone(network, images):
    after = replace(QUICK, queries=300)(Steps(network), *images)
    assert share(after["fab-t"]) > share(after["clean"]) - 0.25  # random starts find a few
    assert share(after["square"]) < share(after["fab-t"]) - 0.1


# -- side effects, seeds, batches --------------------------------------------------------------------------------------


def test_the_network_and_the_generators_stay_as_they_were(network, images):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    found = QUICK(network, *images)
    left = pgd(network, images, QUICK)
    assert torch.equal(state, torch.get_rng_state())
    assert network.training and all(p.requires_grad and p.grad is None for p in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network.eval()
    again = QUICK(network, *images)  # train mode before the call made no difference
    assert all(torch.equal(found[name], again[name]) for name in STAGES)
    assert torch.equal(left, pgd(network, images, QUICK))


def test_every_image_is_judged_whatever_the_batch(network, images):
    found = [replace(QUICK, batch_size=size)(network, *images) for size in (7, 40)]
    assert torch.equal(found[0]["clean"], found[1]["clean"])
    assert share(found[0]["square"]) == pytest.approx(share(found[1]["square"]), abs=0.05)
    x, y = images
    assert torch.equal(QUICK(network, x[:20], y[:20])["apgd-ce"], QUICK(network, x, y)["apgd-ce"][:20])


class Coloured(nn.Module):
    """The network on images of three channels, by a convolution whose weights may lie channels last."""

    def __init__(self, network, layout):
        super().__init__()
        self.network, self.mix = network, nn.Conv2d(3, 1, 1, bias=False).to(memory_format=layout)
        nn.init.constant_(self.mix.weight, 1 / 3)

    def forward(self, x):
        return self.network(self.mix(x))


@pytest.mark.parametrize("weights", [torch.contiguous_format, torch.channels_last])
def test_it_does_not_matter_how_images_lie_in_memory(network, images, weights):
    """Prepared images and their gradients lie channels last; not every attack of the package bears that."""
    x, y = images[0].expand(-1, 3, -1, -1), images[1]
    coloured = Coloured(network, weights)
    plain = QUICK(Coloured(network, torch.contiguous_format), x.contiguous(), y)
    found = QUICK(coloured, x.contiguous(memory_format=torch.channels_last), y)
    assert all(torch.equal(found[name], plain[name]) for name in STAGES)


# -- wrong inputs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda net: nn.Sequential(net, nn.Softmax(1)), "gives probabilities"),
        (lambda net: nn.Sequential(net, nn.Linear(10, 3)), "at least 4 classes, found 3"),
        (lambda net: nn.Sequential(net, Noise()), "different scores"),
    ],
)
def test_a_model_that_it_cannot_judge_is_refused(network, images, wrap, message):
    with pytest.raises(ValueError, match=message):
        QUICK(wrap(network), *images)


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


def test_images_on_another_scale_are_refused(network, images):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], found 0 to 255"):
        QUICK(network, 255 * images[0], images[1])


def test_an_attack_that_may_leave_the_images_is_refused(network, images):
    with pytest.raises(ValueError, match=r"needs clip \(0, 1\), found None"):
        pgd(network, images, LINF, clip=None)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="'L2'; expected one of l2, linf"):
        replace(LINF, norm="L2")


def test_an_attack_that_leaves_the_ball_is_not_believed():
    x = torch.full((2, 1, 4, 4), 0.5)
    for attack, inside, outside in [(LINF, 0.0999, 0.1002), (L2, 0.6995 / 4, 0.7005 / 4)]:
        attack._check_inside("test", x, x + inside)
        with pytest.raises(RuntimeError, match="left the ball"):
            attack._check_inside("test", x, x + outside)
    with pytest.raises(RuntimeError, match="left the ball"):
        LINF._check_inside("test", x + 0.45, x + 0.51)
