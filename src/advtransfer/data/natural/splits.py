"""Who sees which image when source and target are different data sets: disjoint roles, drawn per replica."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advtransfer.data.splits import LABELLED, POOL, TEST, UNLABELLED

VALIDATION = "validation"


def split_source(
    labels: np.ndarray,
    rng: np.random.Generator,
    *,
    class_names: Sequence[str],
    labelled_fraction: float,
    validation_fraction: float,
) -> dict[str, np.ndarray]:
    """Positions of ``labelled``, ``validation`` and ``unlabelled`` images of the source.

    Of every class ``labelled_fraction`` keep their labels; of those ``validation_fraction`` are set aside to
    choose learning rates and epochs by. All others, and images that have no label, are ``unlabelled``. Counts
    depend on the labels alone, so all replicas have the same.

    Args:
        labels: [N] int64, -1 for none.
        rng: the replica's own, ``stream(seed, "replica", replica, "split")``.

    Raises ValueError, in one line, if a class gets no labelled image, or no class a validation image.
    """
    roles: dict[str, list[np.ndarray]] = {LABELLED: [], VALIDATION: [], UNLABELLED: []}
    for label, name in enumerate(class_names):
        images = rng.permutation(np.flatnonzero(labels == label))
        count = round(labelled_fraction * len(images))
        validation = round(validation_fraction * count)
        if count <= validation:
            raise ValueError(
                f"class {name!r}: {count} of {len(images)} images labelled,"
                f" {validation} of them for validation; none is left to learn from"
            )
        _deal(
            roles,
            images,
            {VALIDATION: validation, LABELLED: count - validation, UNLABELLED: len(images) - count},
        )
    roles[UNLABELLED].append(np.flatnonzero(labels < 0))
    return _shuffled(roles, rng, needed=VALIDATION if validation_fraction else LABELLED)


def split_target(
    pool_labels: np.ndarray,
    test_labels: np.ndarray,
    rng: np.random.Generator,
    *,
    class_names: Sequence[str],
    validation_fraction: float,
    test_per_class: int | None = None,
) -> dict[str, np.ndarray]:
    """Positions of ``pool`` and ``validation`` among the training images, of ``test`` among the test images.

    Both are the official ones. Few-shot draws come from the pool; ``validation_fraction`` of every class of
    the training images is set aside to choose the strength of a penalty by. ``test_per_class`` caps the test
    images of a class, at random, in every replica anew. Raises ValueError, in one line, if a class is left
    without pool or test images.
    """
    roles: dict[str, list[np.ndarray]] = {POOL: [], VALIDATION: [], TEST: []}
    for label, name in enumerate(class_names):
        train = rng.permutation(np.flatnonzero(pool_labels == label))
        test = rng.permutation(np.flatnonzero(test_labels == label))
        validation = round(validation_fraction * len(train))
        if len(train) <= validation or not len(test):
            raise ValueError(
                f"class {name!r}: {len(train)} training images, {validation} of them for validation,"
                f" and {len(test)} test images; expected some in pool and test"
            )
        _deal(roles, train, {VALIDATION: validation, POOL: len(train) - validation})
        roles[TEST].append(test[:test_per_class])
    return _shuffled(roles, rng, needed=VALIDATION if validation_fraction else POOL)


def _deal(roles: dict[str, list[np.ndarray]], images: np.ndarray, counts: dict[str, int]) -> None:
    """Consecutive parts of ``images`` to each role."""
    cuts = np.cumsum(list(counts.values()))[:-1]
    for role, part in zip(counts, np.split(images, cuts), strict=True):
        roles[role].append(part)


def _shuffled(
    roles: dict[str, list[np.ndarray]], rng: np.random.Generator, *, needed: str
) -> dict[str, np.ndarray]:
    """No role in the order of the classes."""
    joined = {role: rng.permutation(np.concatenate(parts)) for role, parts in roles.items()}
    if not len(joined[needed]):
        raise ValueError(f"no image for {needed}: the fractions are too small for the classes")
    return joined
