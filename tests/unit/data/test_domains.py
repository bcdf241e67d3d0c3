"""From files to the tensors of one side: intensities, labels within its classes, indices by role."""

import numpy as np
import pytest
import torch

from advtransfer.data.domains import load_domain
from advtransfer.data.table import ImageSet, write_images, write_indexed

LABELS = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
PIXELS = np.random.default_rng(0).integers(17, size=(12, 4), dtype=np.uint8)
ROLES = {
    3: {"labelled": [8, 0], "unlabelled": [5, 4, 1], "pool": [2, 7, 3], "test": [6, 10, 11]},
    5: {"labelled": [4, 9], "unlabelled": [0, 8, 5], "pool": [11, 10, 3], "test": [7, 2, 6]},
}
SHIFT = [{"contrast": {"gain": 0.5, "offset": 0.1}}, {"noise": {"sigma": 0.1}}]


@pytest.fixture
def files(tmp_path):
    paths = tmp_path / "images", tmp_path / "splits"
    write_images(paths[0], ImageSet(PIXELS, LABELS, tuple("abcd"), (2, 2), 16, "", ""))
    index = [np.concatenate(list(roles.values())).astype(np.int32) for roles in ROLES.values()]
    role = [np.repeat(list(roles), [len(i) for i in roles.values()]) for roles in ROLES.values()]
    write_indexed(paths[1], list(ROLES), {"index": index, "role": role})
    return paths


def load(files, classes, shift=(), replicas=(3, 5), **more):
    params = {"seed": 0, "replicas": list(replicas), "target": {"classes": classes, "shift": shift} | more}
    return load_domain(*files, params, "target")


def test_intensities_are_shares_of_the_levels(files):
    domain = load(files, [0, 1, 2, 3])
    assert domain.x.shape == (2, 12, 4) and domain.x.dtype == torch.float32
    for replica in range(2):
        np.testing.assert_array_equal(domain.x[replica], PIXELS.astype(np.float32) / 16)


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [2, 3], [3, 0, 2]])
def test_labels_count_within_the_classes_in_their_order(files, classes):
    domain = load(files, classes)
    assert domain.classes == len(classes)
    expected = [classes.index(label) if label in classes else -1 for label in LABELS]
    assert domain.y.tolist() == [expected, expected]


def test_indices_of_a_role_are_those_of_the_split_within_the_classes(files):
    domain = load(files, [2, 3], replicas=(5, 3))
    assert domain.indices("pool").tolist() == [[11, 10, 3], [2, 7, 3]]
    assert domain.indices("test").tolist() == [[7, 2, 6], [6, 10, 11]]
    narrow = load(files, [3, 2], replicas=(3,))
    assert narrow.within(0, "test").tolist() == [6, 10, 11]
    assert load(files, [2], replicas=(3,)).within(0, "test").tolist() == [6, 10]


def test_shift_is_that_of_the_replica_and_of_the_named_domain(files):
    together, alone = load(files, [0, 1], SHIFT), load(files, [0, 1], SHIFT, replicas=(5,))
    assert torch.equal(alone.x[0], together.x[1]) and not torch.equal(together.x[0], together.x[1])
    noise = together.x - (0.5 * load(files, [0, 1]).x + 0.1)
    assert 0.03 < noise.std() < 0.2
    other = load(files, [0, 1], SHIFT, name="low-contrast")
    assert not torch.equal(other.x, together.x)  # each target has noise of its own


def test_an_image_looks_the_same_whatever_the_classes(files):
    assert torch.equal(load(files, [0, 1], SHIFT).x, load(files, [2, 3], SHIFT).x)
