"""Images that two prepared files share: found by their pixels, counted, with the labels compared."""

import numpy as np
import pytest
from natural_images import encoded, photo, plant, prepared, real_images
from PIL import Image

from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.overlap import find_overlap
from advtransfer.data.natural.prepared import read_column
from advtransfer.data.natural.records import Limits


def made(root, seeds, resolution=16):
    """A prepared file of images given as {name: seed}."""
    plant(root, {name: encoded(photo(seed, 16, 16), "PNG") for name, seed in seeds.items()})
    how = Preparation(resolution=resolution, row_group_bytes=2 * (resolution**2 * 3 + 256))
    prepare(image_folder(root), how, root / "out", root / "rejects", workers=1)
    return root / "out"


def test_shared_images_are_paired_and_labels_compared(tmp_path):
    pool = made(tmp_path / "pool", {"a/0.png": 1, "a/1.png": 2, "a/2.png": 3, "b/0.png": 4, "b/1.png": 5})
    test = made(tmp_path / "test", {"a/0.png": 6, "a/1.png": 3, "b/0.png": 1, "b/1.png": 2})
    overlap = find_overlap(pool, test)
    assert sorted(zip(overlap.first.tolist(), overlap.second.tolist(), strict=True)) == [
        (0, 2),
        (1, 3),
        (2, 1),
    ]
    labels = [read_column(path, "label") for path in (pool, test)]
    expected = {"pairs": 3, "images_of_first": 3, "images_of_second": 3, "labels_differ": 2}
    assert overlap.report(*labels) == expected


def test_sets_without_a_common_image_share_nothing(tmp_path):
    pool, test = made(tmp_path / "pool", {"a/0.png": 1}), made(tmp_path / "test", {"a/0.png": 2})
    overlap = find_overlap(pool, test)
    assert len(overlap.first) == 0 and overlap.first.dtype == np.int64
    assert overlap.report(np.zeros(1), np.zeros(1))["pairs"] == 0


def test_several_copies_make_several_pairs(tmp_path):
    """Copies within a file are rejects, but images that differ only before resizing stay."""
    pool = made(tmp_path / "pool", {"a/0.png": 1})
    plant(tmp_path / "test", {"a/0.png": encoded(photo(1, 16, 16), "PNG")})
    wide = np.pad(np.asarray(photo(1, 16, 16)), ((0, 0), (4, 4), (0, 0)))
    plant(tmp_path / "test", {"a/1.png": encoded(Image.fromarray(wide), "PNG")})
    prepare(
        image_folder(tmp_path / "test"), Preparation(resolution=16), tmp_path / "t", tmp_path / "r", workers=1
    )
    overlap = find_overlap(pool, tmp_path / "t")
    assert overlap.first.tolist() == [0, 0] and overlap.second.tolist() == [0, 1]
    assert overlap.report(np.zeros(1), np.zeros(2))["images_of_first"] == 1
    back = find_overlap(tmp_path / "t", pool)
    assert back.first.tolist() == [0, 1] and back.second.tolist() == [0, 0]


def test_files_of_different_shapes_cannot_be_compared(tmp_path):
    small, large = prepared(tmp_path / "s", resolution=16), prepared(tmp_path / "l", resolution=20)
    with pytest.raises(ValueError, match=r"has images of shape \(16, 16, 3\), .* of \(20, 20, 3\)"):
        find_overlap(small, large)


def test_cifar10_in_part(tmp_path):
    """The official test images do not occur among the training images."""
    root = real_images("cifar10")
    for split in ("train", "test"):
        source = image_folder(root, (split,), Limits(per_class=200))
        paths = tmp_path / split, tmp_path / "rejects"
        prepare(source, Preparation(resolution=32), *paths, workers=2)
    assert len(find_overlap(tmp_path / "train", tmp_path / "test").first) == 0
