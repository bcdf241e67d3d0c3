"""Images with the same stored pixels, within a prepared file and across two."""

import numpy as np
from natural_images import encoded, photo, plant, real_images
from PIL import Image

from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.overlap import pixel_digests
from advtransfer.data.natural.prepared import read_column
from advtransfer.data.natural.records import Limits


def made(root, files, resolution=16):
    """Digests of a prepared file of images given as {name: image}, by name."""
    plant(root, {name: encoded(image, "PNG") for name, image in files.items()})
    how = Preparation(resolution=resolution, row_group_bytes=2 * (resolution**2 * 3 + 256))
    prepare(image_folder(root), how, root / "out", root / "rejects", workers=1)
    return dict(zip(read_column(root / "out", "source"), pixel_digests(root / "out"), strict=True))


def small(seed):
    return photo(seed, 16, 16)


def test_the_same_pixels_are_found_under_another_name(tmp_path):
    pool = made(tmp_path / "pool", {"a/0.png": small(1), "a/1.png": small(2), "b/0.png": small(3)})
    test = made(tmp_path / "test", {"a/0.png": small(4), "b/0.png": small(1), "b/1.png": small(2)})
    assert len(set(pool.values())) == 3 and all(len(digest) == 32 for digest in pool.values())
    assert [name for name, digest in test.items() if digest in pool.values()] == ["b/0.png", "b/1.png"]


def test_images_that_differ_before_resizing_alone_are_the_same(tmp_path):
    """Copies within a file are rejects, but these stay."""
    wide = Image.fromarray(np.pad(np.asarray(small(1)), ((0, 0), (4, 4), (0, 0))))
    found = made(tmp_path, {"a/0.png": small(1), "a/1.png": wide})
    assert found["a/0.png"] == found["a/1.png"]


def test_cifar10_in_part(tmp_path):
    """The official test images do not occur among the training images."""
    root = real_images("cifar10")
    for split in ("train", "test"):
        source = image_folder(root, (split,), Limits(per_class=200))
        paths = tmp_path / split, tmp_path / "rejects"
        prepare(source, Preparation(resolution=32), *paths, workers=2)
    found = [pixel_digests(tmp_path / split) for split in ("train", "test")]
    assert len(found[0]) == len(found[1]) == 2000 and not np.isin(*found).any()
