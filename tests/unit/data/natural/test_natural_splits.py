"""Roles of the images of source and target: disjoint, stratified, the same counts for every replica."""

import numpy as np
import pytest

from advtransfer.data.natural.splits import VALIDATION, split_source, split_target
from advtransfer.data.splits import LABELLED, POOL, TEST, UNLABELLED
from advtransfer.seeding import stream

NAMES = ("ape", "bee", "cod")
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, -1], [100, 57, 33, 10]))
TESTS = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [20, 10, 15]))


def source(replica=0, labels=LABELS, labelled=0.3, validation=0.2):
    rng = stream(0, "replica", replica, "split")
    return split_source(
        labels, rng, class_names=NAMES, labelled_fraction=labelled, validation_fraction=validation
    )


def target(replica=0, pool=LABELS, test=TESTS, validation=0.25, cap=None):
    rng = stream(0, "replica", replica, "split", "target")
    return split_target(
        pool, test, rng, class_names=NAMES, validation_fraction=validation, test_per_class=cap
    )


def counts(labels, indices):
    return np.bincount(labels[indices], minlength=3).tolist()


def test_every_source_image_has_one_role():
    roles = source()
    assert sorted(np.concatenate(list(roles.values())).tolist()) == list(range(200))
    assert set(roles) == {LABELLED, VALIDATION, UNLABELLED}


def test_the_fractions_hold_in_every_class():
    roles = source()
    assert counts(LABELS, roles[VALIDATION]) == [6, 3, 2]  # a fifth of 30, 17 and 10
    assert counts(LABELS, roles[LABELLED]) == [24, 14, 8]
    assert len(roles[UNLABELLED]) == 200 - 57 and set(np.flatnonzero(LABELS < 0)) <= set(roles[UNLABELLED])


def test_everything_can_be_labelled_and_nothing_set_aside():
    roles = source(labels=LABELS[LABELS >= 0], labelled=1, validation=0)
    assert len(roles[LABELLED]) == 190 and len(roles[UNLABELLED]) == len(roles[VALIDATION]) == 0


def test_pool_and_validation_are_of_the_training_images_and_test_of_the_others():
    roles = target()
    assert counts(LABELS, roles[VALIDATION]) == [25, 14, 8] and counts(LABELS, roles[POOL]) == [75, 43, 25]
    assert not set(roles[POOL]) & set(roles[VALIDATION])
    assert sorted(roles[TEST].tolist()) == list(range(45))


def test_the_test_images_of_a_class_can_be_capped():
    capped = [target(replica, cap=12)[TEST] for replica in range(3)]
    assert [counts(TESTS, test) for test in capped] == [[12, 10, 12]] * 3
    assert len({tuple(sorted(test)) for test in capped}) == 3


@pytest.mark.parametrize("split", [source, target])
def test_replicas_differ_in_the_images_and_not_in_the_counts(split):
    first, again, other = split(0), split(0), split(1)
    for role, indices in first.items():
        np.testing.assert_array_equal(again[role], indices)
        assert len(other[role]) == len(indices)
        assert role == TEST or set(other[role]) != set(indices)


@pytest.mark.parametrize("split", [source, target])
def test_no_role_is_in_the_order_of_the_classes(split):
    for role, indices in split().items():
        labels = (TESTS if role == TEST else LABELS)[indices]
        assert (np.diff(labels) < 0).sum() > len(labels) / 8


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            lambda: source(labelled=0.01),
            "class 'cod': 0 of 33 images labelled, 0 of them for validation; none is left",
        ),
        (lambda: source(validation=1), "class 'ape': 30 of 100 images labelled, 30 of them for validation"),
        (lambda: source(validation=0.01), "no image for validation: the fractions are too small"),
        (
            lambda: target(test=TESTS[TESTS != 1]),
            "class 'bee': 57 training images, 14 of them .* and 0 test images",
        ),
        (lambda: target(pool=TESTS[TESTS != 2]), "class 'cod': 0 training images"),
        (lambda: target(validation=1), "class 'ape': 100 training images, 100 of them for validation"),
        (lambda: target(validation=0.001), "no image for validation"),
    ],
)
def test_what_leaves_a_role_empty_is_told(split, message):
    with pytest.raises(ValueError, match=message) as error:
        split()
    assert "\n" not in str(error.value)
