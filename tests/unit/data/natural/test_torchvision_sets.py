"""Sets of torchvision by name: which there are, splits, labels, names, and that nothing is downloaded."""

import hashlib
import pickle
import urllib.request
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import scipy.io
from natural_images import encoded, photo, plant
from torchvision import datasets

from advtransfer.data.natural.records import Limits
from advtransfer.data.natural.torchvision_sets import open_split, torchvision_names, torchvision_set


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("tried to use the network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(datasets.utils, "download_url", refuse)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """CIFAR10 as torchvision wants it on disk, with 4 training images in two files and 2 test images."""
    pixels = np.random.default_rng(0).integers(256, size=(6, 3072), dtype=np.uint8)
    labels = [1, 0, 1, 1, 0, 1]
    parts = {"data_batch_1": slice(0, 2), "data_batch_2": slice(2, 4), "test_batch": slice(4, 6)}
    files = {
        name: pickle.dumps({"data": pixels[part], "labels": labels[part]}) for name, part in parts.items()
    }
    files["batches.meta"] = pickle.dumps({"label_names": ["ship", "frog"]})
    plant(tmp_path / "cifar-10-batches-py", files)
    sums = {name: hashlib.md5(data).hexdigest() for name, data in files.items()}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[n, sums[n]] for n in list(parts)[:2]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = datasets.CIFAR10.meta | {"md5": sums["batches.meta"]}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return tmp_path, pixels.reshape(6, 3, 32, 32).transpose(0, 2, 3, 1), labels


@pytest.fixture
def textures(tmp_path):
    """DTD with its images and its lists of splits: paths, which need not be decoded to be listed."""
    files = {}
    for c, name in enumerate(("banded", "woven")):
        for i in range(4):
            files[f"images/{name}/{name}_{i}.jpg"] = encoded(photo(10 * c + i))
    for partition in (1, 2):
        for split, i in (("train", 0), ("val", 1), ("test", 1 + partition)):
            lines = "".join(f"{name}/{name}_{i}.jpg\n" for name in ("woven", "banded"))
            files[f"labels/{split}{partition}.txt"] = lines.encode()
    plant(tmp_path / "dtd" / "dtd", files)
    return tmp_path, files


def listed(source):
    return [(record.name, record.label, record.split) for record in source.records()]


def test_the_known_sets_are_found_and_others_are_not():
    names = torchvision_names()
    wanted = (
        "CIFAR10 CIFAR100 SVHN STL10 Flowers102 OxfordIIITPet DTD FGVCAircraft Food101 MNIST EMNIST ImageNet"
    )
    assert set(wanted.split()) <= set(names)
    assert not {"CocoDetection", "Kinetics", "FakeData", "VisionDataset", "DatasetFolder", "Sintel"} & set(
        names
    )
    for name in ("Kinetics", "nonsense", "wrap_dataset_for_transforms_v2"):
        with pytest.raises(ValueError, match=f"torchvision has no image set '{name}'; it has CIFAR10, "):
            torchvision_set(name, Path())


# -- sets that keep arrays -----------------------------------------------------------------------------------


def test_splits_by_a_flag(cifar):
    root, pixels, labels = cifar
    train, test = (torchvision_set("CIFAR10", root, (split,)) for split in ("train", "test"))
    assert train.class_names == test.class_names == ("ship", "frog")
    assert listed(train) == [(f"train/{i:07d}", labels[i], "train") for i in range(4)]
    assert listed(test) == [(f"test/{i:07d}", labels[4 + i], "test") for i in range(2)]
    for source, part in ((train, pixels[:4]), (test, pixels[4:])):
        np.testing.assert_array_equal(np.stack([np.asarray(r.read()) for r in source.records()]), part)


def test_splits_are_joined_in_the_order_of_names(cifar):
    root, pixels, _ = cifar
    source = torchvision_set("CIFAR10", root, ("train", "test"), limits=Limits(per_class=1))
    assert source.description == "torchvision CIFAR10 (train, test)" and source.count == 4
    assert listed(source) == [
        ("test/0000000", 0, "test"),
        ("test/0000001", 1, "test"),
        ("train/0000000", 1, "train"),
        ("train/0000001", 0, "train"),
    ]
    np.testing.assert_array_equal(np.asarray(next(iter(source.records())).read()), pixels[4])


def test_a_split_that_a_set_lacks_is_told(cifar):
    with pytest.raises(ValueError, match=r"^CIFAR10 has no split 'val'; it has train and test$"):
        torchvision_set("CIFAR10", cifar[0], ("val",))


def test_data_that_is_missing_or_altered_is_told(cifar, tmp_path):
    (cifar[0] / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"other")
    for root in (cifar[0], tmp_path / "nowhere"):
        with pytest.raises(
            ValueError, match=r"CIFAR10 \(train\) cannot be read: .*not found or corrupted.*fetch it"
        ):
            torchvision_set("CIFAR10", root)


@pytest.mark.parametrize(
    "error", [EOFError(), KeyError("data"), ValueError("bad\nmagic"), pickle.UnpicklingError("x")]
)
def test_whatever_a_damaged_set_leads_to_is_one_line_that_names_it(fake, tmp_path, error):
    def broken(self, root, transform=None, target_transform=None, download=True):
        raise error

    fake(__init__=broken)
    with pytest.raises(ValueError, match=f"^{tmp_path}: Fake \\(all\\)") as told:
        torchvision_set("Fake", tmp_path, ("all",))
    assert "\n" not in str(told.value)


def test_labels_without_names_are_named_by_their_numbers(tmp_path, monkeypatch):
    """SVHN: splits by a word, a file each, class 10 for the digit 0, no class names."""
    x = np.random.default_rng(0).integers(256, size=(32, 32, 3, 3), dtype=np.uint8)
    sums = {}
    for split in ("train", "test", "extra"):
        path = tmp_path / f"{split}_32x32.mat"
        scipy.io.savemat(path, {"X": x, "y": np.array([[10], [3], [1]])})
        sums[split] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", sums)
    for split in ("test", "extra"):
        source = torchvision_set("SVHN", tmp_path, (split,))
        assert source.class_names == ("0", "1", "2", "3")
        assert [record.label for record in source.records()] == [0, 3, 1]
        np.testing.assert_array_equal(np.asarray(next(source.records()).read()), x[..., 0])
    with pytest.raises(
        ValueError, match=r"SVHN has no split 'val': Unknown value .*'train', 'test', 'extra'"
    ):
        torchvision_set("SVHN", tmp_path, ("val",))


# -- sets that keep files ------------------------------------------------------------------------------------


def test_files_are_handed_on_as_they_are(textures):
    root, files = textures
    source = torchvision_set("DTD", root, ("train", "val"))
    assert source.class_names == ("banded", "woven")
    assert listed(source) == [
        (f"{split}/dtd/dtd/images/{name}/{name}_{i}.jpg", label, split)
        for split, i in (("train", 0), ("val", 1))
        for label, name in enumerate(("banded", "woven"))
    ]
    for record in source.records():
        assert record.read() == files[record.name.split("dtd/dtd/")[1]]


def test_options_reach_the_set(textures):
    root, _ = textures
    names = [r.name for r in torchvision_set("DTD", root, ("test",), options={"partition": 2}).records()]
    assert [name[-5] for name in names] == ["3", "3"]
    with pytest.raises(ValueError, match="DTD has no argument 'fold'; it has root, split, partition"):
        torchvision_set("DTD", root, ("test",), options={"fold": 2})


def test_a_broken_file_hinders_neither_listing_nor_the_others(textures):
    root, _ = textures
    (root / "dtd/dtd/images/woven/woven_0.jpg").write_bytes(b"")
    assert [record.read() == b"" for record in torchvision_set("DTD", root).records()] == [False, True]


def test_a_set_that_decodes_by_itself_is_listed_without_its_images(tmp_path):
    """OxfordIIITPet: the training split is called trainval, labels are private, it opens images itself."""
    lines = "Abyssinian_1 1 1 1\nbeagle_1 2 2 1\nbeagle_2 2 2 1\n"
    image = photo(0)
    plant(tmp_path / "oxford-iiit-pet" / "annotations", {"trainval.txt": lines.encode()})
    plant(
        tmp_path / "oxford-iiit-pet" / "images",
        {f"{n}.jpg": encoded(image) for n in ("Abyssinian_1", "beagle_1")},
    )
    source = torchvision_set("OxfordIIITPet", tmp_path, ("train",))
    assert source.class_names == ("Abyssinian", "Beagle")
    records = list(source.records())
    assert [record.label for record in records] == [0, 1, 1] and records[0].read().size == (48, 40)
    with pytest.raises(FileNotFoundError):
        records[2].read()
    with pytest.raises(ValueError, match=r"OxfordIIITPet has no split 'val': .*'trainval', 'test'"):
        torchvision_set("OxfordIIITPet", tmp_path, ("val",))


# -- what the targets are ------------------------------------------------------------------------------------


class Fake:
    """Stands for a set of torchvision; downloads unless it is told not to."""

    targets = (0, 1)
    items = ((photo(0), 0), (photo(1), 1))
    told: ClassVar[list] = []

    def __init__(self, root, transform=None, target_transform=None, download=True):
        self.told.append(download)

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.items[i]


@pytest.fixture
def fake(monkeypatch):
    def install(**attributes):
        cls = type("Fake", (Fake,), {"told": [], **attributes})
        monkeypatch.setattr(datasets, "Fake", cls, raising=False)
        return cls

    return install


def test_a_set_that_downloads_by_itself_is_told_not_to(fake, tmp_path):
    cls = fake()
    assert torchvision_set("Fake", tmp_path, ("all",)).count == 2
    open_split("Fake", tmp_path, "all", download=True)
    assert cls.told == [False, True]
    with pytest.raises(ValueError, match="Fake has no split 'train'; it has all"):
        torchvision_set("Fake", tmp_path)


def test_labels_are_found_by_going_through_all_if_need_be(fake, tmp_path):
    fake(targets=None, items=((photo(0), np.int32(1)), (photo(1), None)), classes=("a", ("b", "c")))
    source = torchvision_set("Fake", tmp_path, ("all",))
    assert [record.label for record in source.records()] == [1, -1] and source.class_names == ("a", "b, c")


@pytest.mark.parametrize("target", [{"box": 1}, 0.5, "cat", (1, 2), np.zeros(40)])
def test_targets_that_are_no_classes_are_told(fake, tmp_path, target):
    fake(targets=None, items=((photo(0), target),) * 2)
    with pytest.raises(ValueError, match=r"Fake: a target is \w+, expected the number of a class"):
        torchvision_set("Fake", tmp_path, ("all",))


def test_an_item_that_has_another_label_than_was_listed_is_an_error(fake, tmp_path):
    fake(targets=(0, 0))
    first, second = torchvision_set("Fake", tmp_path, ("all",)).records()
    assert first.read().size == (48, 40)
    with pytest.raises(RuntimeError, match="item 1 has the target 1, listed as 0"):
        second.read()
