"""Who sees which image: disjoint, stratified, the same counts for every replica."""

from pathlib import Path

import numpy as np
import pytest

from advtransfer.data.catalogue import CATALOGUE
from advtransfer.data.splits import LABELLED, POOL, SOURCE_ROLES, TARGET_ROLES, TEST, UNLABELLED, split
from advtransfer.params import load_params
from advtransfer.seeding import stream

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(6), (40, 41, 30, 57, 22, 3)))
SIDES = [
    ((0, 1, 2), (0, 1, 2)),
    ((0, 1, 2, 3, 4), (3, 4)),
    ((0, 1), (2, 3)),
    ((5, 1), (0, 1, 2)),
    (range(6), range(6)),
]
FRACTIONS = [(0.1, 0.5), (0.5, 0.2), (1.0, 0.9)]


def roles_of(sides, fractions=(0.1, 0.5), replica=0, labels=LABELS):
    return split(
        labels,
        stream(0, "replica", replica, "split"),
        source_classes=sides[0],
        target_classes=sides[1],
        labelled_fraction=fractions[0],
        test_fraction=fractions[1],
    )


@pytest.mark.parametrize("fractions", FRACTIONS)
@pytest.mark.parametrize("sides", SIDES)
def test_each_image_has_one_role_and_no_image_of_a_class_is_left_out(sides, fractions):
    roles = roles_of(sides, fractions)
    assert list(roles) == [LABELLED, UNLABELLED, POOL, TEST]
    everything = np.concatenate(list(roles.values()))
    expected = np.flatnonzero(np.isin(LABELS, [*sides[0], *sides[1]]))
    assert np.array_equal(np.sort(everything), expected)  # nobody twice, nobody forgotten


@pytest.mark.parametrize("fractions", FRACTIONS)
@pytest.mark.parametrize("sides", SIDES)
def test_counts_of_every_class_are_the_fractions(sides, fractions):
    roles = roles_of(sides, fractions)
    counts = {role: np.bincount(LABELS[indices], minlength=6) for role, indices in roles.items()}
    for label, total in enumerate(np.bincount(LABELS)):
        on = [label in side for side in sides]
        source = total // 2 if all(on) else total * on[0]
        target = total - source if on[1] else 0
        assert counts[LABELLED][label] + counts[UNLABELLED][label] == source
        assert counts[POOL][label] + counts[TEST][label] == target
        assert abs(counts[LABELLED][label] - fractions[0] * source) <= 0.5
        assert abs(counts[TEST][label] - fractions[1] * target) <= 0.5


def test_shared_classes_are_halved():
    roles = roles_of(((0, 1), (1, 2)))
    source, target = (np.concatenate([roles[role] for role in side]) for side in (SOURCE_ROLES, TARGET_ROLES))
    assert (LABELS[source] == 1).sum() == 20 and (LABELS[target] == 1).sum() == 21
    assert not set(source) & set(target)
    assert set(LABELS[source]) == {0, 1} and set(LABELS[target]) == {1, 2}


def test_replicas_differ_in_every_role_but_not_in_counts():
    found = [roles_of((range(6), range(6)), replica=replica) for replica in range(20)]
    for role in found[0]:
        assert len({frozenset(roles[role]) for roles in found}) == 20
        assert len({tuple(np.bincount(LABELS[roles[role]], minlength=6)) for roles in found}) == 1


def test_the_same_stream_gives_the_same_split():
    first, second = (roles_of(SIDES[0], replica=3) for _ in range(2))
    assert all(np.array_equal(first[role], second[role]) for role in first)


def test_roles_are_shuffled_across_classes():
    """Sorted by class, the first batches would see one class alone."""
    for indices in roles_of((range(6), range(6)), (0.5, 0.5)).values():
        assert len(set(LABELS[indices[:12]])) > 2


def test_every_image_is_as_likely_in_each_role():
    drawn = np.zeros(len(LABELS))
    for replica in range(400):
        drawn[roles_of((range(5), range(5)), (0.5, 0.5), replica)[POOL]] += 1
    share = drawn[LABELS < 5] / 400
    assert share.min() > 0.15 and share.max() < 0.36  # 1/4, give or take four standard errors


def test_the_control_shares_nothing():
    roles = roles_of(((0, 1, 2), (3, 4, 5)))
    assert {label for role in SOURCE_ROLES for label in LABELS[roles[role]]} == {0, 1, 2}
    assert {label for role in TARGET_ROLES for label in LABELS[roles[role]]} == {3, 4, 5}
    assert sum(map(len, roles.values())) == len(LABELS)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_params_foresee_the_counts_of_the_split(fraction):
    """Validation promises a labelled image of each class and enough shots: it must count as the split does."""
    counts = CATALOGUE["digits"].class_counts
    labels = np.repeat(np.arange(10), counts)
    study = load_params(Path(__file__).parents[3] / "params.yaml").studies["digits"]
    for source, target in [(range(10), range(10)), (range(5), range(5, 10)), (range(7), range(3, 10))]:
        sides = {"source": {"classes": list(source)}, "targets": {"t": {"classes": list(target)}}}
        changed = type(study).model_validate(study.model_dump() | sides | {"labelled_fraction": fraction})
        roles = roles_of((source, target), (fraction, 0.5), labels=labels)
        of_class = {role: np.bincount(labels[indices], minlength=10) for role, indices in roles.items()}
        assert changed._source_counts() == {c: (of_class[LABELLED] + of_class[UNLABELLED])[c] for c in source}
        found = changed._target_counts(changed.targets["t"])
        assert found == {c: (of_class[POOL] + of_class[TEST])[c] for c in target}
