"""Who sees which image: disjoint roles of one replica's images."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

LABELLED, UNLABELLED, POOL, TEST = "labelled", "unlabelled", "pool", "test"
SOURCE_ROLES, TARGET_ROLES = (LABELLED, UNLABELLED), (POOL, TEST)


def split(
    labels: np.ndarray,
    rng: np.random.Generator,
    *,
    source_classes: Collection[int],
    target_classes: Collection[int],
    labelled_fraction: float,
    test_fraction: float,
) -> dict[str, np.ndarray]:
    """Indices of each role, stratified by class.

    A random half of a class that occurs on both sides goes to the source, the other half to the target; a class
    that occurs on one side goes there whole. The source is divided into ``labelled`` and ``unlabelled``, the target
    into ``pool`` (the few shots are drawn from it) and ``test``. Counts depend on the labels alone, so all replicas
    have the same.
    """
    roles: dict[str, list[np.ndarray]] = {role: [] for role in (*SOURCE_ROLES, *TARGET_ROLES)}
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        shared = label in source_classes and label in target_classes
        cut = len(indices) // 2 if shared else len(indices) * (label in source_classes)
        if label in source_classes:
            source = indices[:cut]
            count = round(labelled_fraction * len(source))
            roles[LABELLED].append(source[:count])
            roles[UNLABELLED].append(source[count:])
        if label in target_classes:
            target = indices[cut:]
            count = round(test_fraction * len(target))
            roles[TEST].append(target[:count])
            roles[POOL].append(target[count:])
    return {role: rng.permutation(np.concatenate(parts)) for role, parts in roles.items()}
