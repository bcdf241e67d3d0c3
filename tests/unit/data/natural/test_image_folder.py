"""Images in a folder a class: names, order, labels, joined splits, what is no image."""

import os

import pytest
from natural_images import encoded, photo, plant, tree

from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.records import Limits

IMAGE = encoded(photo(0), "PNG")


def listed(source):
    return [(record.name, record.label, record.split) for record in source.records()]


def test_classes_are_folders_and_names_are_paths(tmp_path):
    plant(
        tmp_path, {"dog/b.JPEG": b"1", "dog/a.png": b"2", "cat/deep/er/x.jpg": b"3", "cat.extra/x.webp": b"4"}
    )
    source = image_folder(tmp_path)
    assert source.class_names == ("cat", "cat.extra", "dog") and source.count == 4
    assert listed(source) == [
        ("cat.extra/x.webp", 1, "all"),  # a point comes before a slash
        ("cat/deep/er/x.jpg", 0, "all"),
        ("dog/a.png", 2, "all"),
        ("dog/b.JPEG", 2, "all"),
    ]
    assert [record.read() for record in source.records()] == [b"4", b"3", b"2", b"1"]


def test_records_can_be_gone_through_twice(tmp_path):
    source = image_folder(tree(tmp_path), ("train",))
    assert listed(source) == listed(source) and len(listed(source)) == source.count == 6


def test_splits_are_joined_over_the_union_of_their_classes(tmp_path):
    plant(
        tmp_path,
        {
            "train/b/1.png": b"",
            "train/c/1.png": b"",
            "test/a/1.png": b"",
            "test/c/1.png": b"",
            "val/z/1.png": b"",
        },
    )
    source = image_folder(tmp_path, ("train", "test"))
    assert source.class_names == ("a", "b", "c")
    assert listed(source) == [
        ("test/a/1.png", 0, "test"),
        ("test/c/1.png", 2, "test"),
        ("train/b/1.png", 1, "train"),
        ("train/c/1.png", 2, "train"),
    ]


def test_the_description_does_not_say_where_it_lies(tmp_path):
    for place in ("here", "there"):
        source = image_folder(tree(tmp_path / place / "pets"), ("train",))
        assert source.description == "folder pets (train)"


def test_files_that_are_no_images_are_counted(tmp_path):
    plant(
        tmp_path,
        {
            "a/1.png": b"",
            "a/boxes.txt": b"",
            "a/sub/notes.md": b"",
            "README": b"",
            ".git/x/y.png": b"",
            "a/.DS_Store": b"",
        },
    )
    plant(tmp_path, {"docs/only.txt": b""})
    source = image_folder(tmp_path)
    assert source.class_names == ("a",) and source.count == 1
    assert source.other_files == 4  # hidden ones apart


def test_limits_take_the_first_by_name(tmp_path):
    source = image_folder(tree(tmp_path, ("c", "a", "b"), 4), ("train",), Limits(classes=2, per_class=3))
    assert source.class_names == ("a", "b")
    assert listed(source) == [
        (f"train/{c}/{i:03d}.png", k, "train") for k, c in enumerate("ab") for i in range(3)
    ]


def test_a_linked_class_folder_is_followed(tmp_path):
    plant(tmp_path / "store", {"1.png": IMAGE})
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").symlink_to(tmp_path / "store", target_is_directory=True)
    assert listed(image_folder(tmp_path / "root")) == [("a/1.png", 0, "all")]


def test_a_link_back_within_a_class_is_not_followed(tmp_path):
    plant(tmp_path, {"a/1.png": IMAGE})
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
    source = image_folder(tmp_path)
    assert listed(source) == [("a/1.png", 0, "all")] and source.other_files == 1


def test_names_that_are_not_utf8_can_be_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / os.fsdecode(b"\xff.png")).write_bytes(IMAGE)
    (record,) = image_folder(tmp_path).records()
    assert record.read() == IMAGE


def test_missing_folders_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere: no such folder; expected one folder a class"):
        image_folder(tmp_path / "nowhere")
    tree(tmp_path)
    with pytest.raises(ValueError, match=r"test: no such folder"):
        image_folder(tmp_path, ("train", "test"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: no image in it"):
        image_folder(tmp_path / "empty")
