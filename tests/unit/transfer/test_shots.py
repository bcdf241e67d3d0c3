"""Few-shot sets: k of each class, from the pool alone, nested; and the protocols that use them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from advtransfer.data.domains import Domain
from advtransfer.data.splits import POOL, TEST
from advtransfer.models import mlp
from advtransfer.seeding import Streams
from advtransfer.transfer import protocols
from advtransfer.transfer.heads import fit_heads
from advtransfer.transfer.shots import draw_shots, training_set

REPLICAS, IMAGES, CLASSES = 3, 240, 4


@pytest.fixture
def domain():
    """240 images of 5 labels, of which the target knows 4; pool and test differ between replicas."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(IMAGES) % 5) - 1
    centres = rng.normal(size=(5, 6))
    x = centres[labels] + 0.8 * rng.normal(size=(REPLICAS, IMAGES, 6))
    roles = []
    for _ in range(REPLICAS):  # stratified, so that all replicas have the same counts
        shuffled = [rng.permutation(np.flatnonzero(labels == c)) for c in range(-1, 4)]
        pool, test = (np.concatenate([s[part] for s in shuffled]) for part in (slice(24), slice(24, 44)))
        roles.append({POOL: rng.permutation(pool), TEST: rng.permutation(test)})
    y = torch.from_numpy(labels).expand(REPLICAS, -1)
    return Domain(torch.from_numpy(x).float(), y, tuple(roles), CLASSES)


def shots_of(domain, draws=3, most=5, replicas=range(REPLICAS)):
    return draw_shots(domain, Streams.of(0, replicas, "shots"), draws=draws, most=most)


def test_k_of_each_class_from_the_pool_alone(domain):
    shots = shots_of(domain)
    assert shots.shape == (REPLICAS, 3, CLASSES, 5) and shots.dtype == torch.int64
    for replica in range(REPLICAS):
        for draw in shots[replica]:
            assert set(draw.flatten().tolist()) <= set(domain.roles[replica][POOL])
            assert len(draw.flatten().unique()) == CLASSES * 5
            for label in range(CLASSES):
                assert (domain.y[replica][draw[label]] == label).all()


def test_draws_and_replicas_differ(domain):
    shots = shots_of(domain).sort(dim=-1).values.flatten(2).flatten(0, 1)
    assert len(shots.unique(dim=0)) == REPLICAS * 3


def test_more_shots_only_add_and_more_draws_only_append(domain):
    base = shots_of(domain, draws=2, most=4)
    assert torch.equal(shots_of(domain, draws=2, most=10)[..., :4], base)
    assert torch.equal(shots_of(domain, draws=5, most=4)[:, :2], base)


def test_a_replicas_shots_do_not_depend_on_its_company(domain):
    alone = Domain(domain.x[1:2], domain.y[1:2], domain.roles[1:2], CLASSES)
    assert torch.equal(shots_of(alone, replicas=[1])[0], shots_of(domain)[1])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_training_sets_are_nested_and_hold_the_shots(domain, count):
    shots = shots_of(domain)
    x, y = training_set(domain, shots, count)
    assert x.shape == (REPLICAS, 3, CLASSES * count, 6) and y.shape == x.shape[:3]
    for replica in range(REPLICAS):
        for draw in range(3):
            rows = shots[replica, draw, :, :count].flatten()
            assert torch.equal(x[replica, draw], domain.x[replica, rows])
            assert torch.equal(y[replica, draw], domain.y[replica, rows])
            larger = shots[replica, draw, :, : count + 1].flatten().tolist()
            assert set(rows.tolist()) <= set(larger)


# -- protocols ---------------------------------------------------------------------------------------------------------

LINEAR = {"shots": [1, 5], "l2_strength": 1.0}
ATTACK = {"norm": "l2", "eps": 1.0, "steps": 5, "restarts": 2}
ROBUST = {"shots": 5, "l2_strength": 1.0, "attack": ATTACK}
FINETUNE = {"shots": [2, 5], "steps": 15, "learning_rate": 1e-2, "weight_decay": 0.0}


def network():
    return mlp.initialise((6, 16, 8, 7), Streams.of(0, range(REPLICAS), "init"))


def test_linear_measures_each_draw_on_the_test_images(domain):
    shots = shots_of(domain)
    found = list(protocols.linear(lambda x: x, domain, shots, LINEAR))
    assert [(m.protocol, m.metric, m.shots) for m in found] == [("linear", "accuracy", k) for k in (1, 5)]
    for measured in found:
        for replica in range(REPLICAS):
            test = domain.within(replica, TEST)
            for draw in range(3):
                rows = shots[replica, draw, :, : measured.shots].flatten()
                x, y = domain.x[replica], domain.y[replica]
                heads = fit_heads(x[rows][None], y[rows][None], classes=CLASSES, strength=1.0)
                right = (heads.logits(x[test][None]).argmax(2) == y[test]).float().mean()
                assert measured.values[replica, draw].item() == pytest.approx(right.item(), abs=0.02)
    assert 0.3 < found[0].values.mean() < found[1].values.mean()


def test_robust_attacks_the_first_draws_head_through_the_representation(domain):
    parameters, shots = network(), shots_of(domain)

    def features(x):
        return mlp.features(parameters, x)

    clean = next(iter(protocols.linear(features, domain, shots, LINEAR | {"shots": [5]}))).values[:, :1]
    values = []
    for eps in (1e-6, 0.3, 1.0, 20.0):
        asked = ROBUST | {"attack": ATTACK | {"eps": eps}}
        (found,) = protocols.robust(features, domain, shots, asked, Streams.of(0, range(REPLICAS), "robust"))
        assert (found.protocol, found.metric, found.shots) == ("linear", "robust_accuracy", 5)
        assert found.values.shape == (REPLICAS, 1)
        values.append(found.values)
    torch.testing.assert_close(values[0], clean)
    assert (values[1] <= clean).all() and values[2].mean() < values[1].mean() < clean.mean()
    assert values[3].max() < 0.1


def test_full_fine_tunes_each_draw(domain):
    found = list(protocols.full(network(), domain, shots_of(domain), FINETUNE))
    assert [(m.protocol, m.metric, m.shots) for m in found] == [("finetune", "accuracy", k) for k in (2, 5)]
    assert all(m.values.shape == (REPLICAS, 3) for m in found)
    assert all(0.4 < m.values.mean() <= 1 for m in found)


def measure(domain, shots):
    parameters = network()

    def features(x):
        return mlp.features(parameters, x)

    streams = Streams.of(0, range(REPLICAS), "robust")
    yield from protocols.linear(features, domain, shots, LINEAR)
    yield from protocols.robust(features, domain, shots, ROBUST, streams)
    yield from protocols.full(parameters, domain, shots, FINETUNE)


def test_nothing_but_shots_and_test_images_is_looked_at(domain):
    """With NaN in place of every other image the measurements stay."""
    shots, x = shots_of(domain), torch.full_like(domain.x, torch.nan)
    for replica in range(REPLICAS):
        kept = np.concatenate([shots[replica].flatten().numpy(), domain.within(replica, TEST)])
        x[replica, kept] = domain.x[replica, kept]
    for expected, found in zip(measure(domain, shots), measure(replace(domain, x=x), shots), strict=True):
        assert expected[:3] == found[:3] and torch.equal(expected.values, found.values)


def test_a_test_image_counts_for_itself_alone(domain):
    """NaN in one test image: had training seen it, every prediction would change."""
    shots, x = shots_of(domain), domain.x.clone()
    for replica in range(REPLICAS):
        x[replica, domain.within(replica, TEST)[0]] = torch.nan
    one = 1 / len(domain.within(0, TEST))
    for expected, found in zip(measure(domain, shots), measure(replace(domain, x=x), shots), strict=True):
        assert (expected.values - found.values).abs().max() <= 1.01 * one
