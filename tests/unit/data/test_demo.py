"""The images to try things out with: real ones, the same each time, never in the way of others."""

import numpy as np
import pytest
from PIL import Image

from advtransfer.data.demo import MOST, PHOTOS, SCANS, write_demo


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_a_folder_a_class_as_the_tutorial_has_them(tmp_path):
    write_demo(tmp_path / "images", 5, 0)
    folders = {
        path.parent.relative_to(tmp_path / "images").as_posix()
        for path in (tmp_path / "images").rglob("*.[jp]*g")
    }
    scans = {f"scans/{split}/{name}" for split in ("train", "test") for name in SCANS}
    assert folders == {f"photos/{name}" for name in PHOTOS} | scans
    for folder in folders:
        files = sorted((tmp_path / "images" / folder).iterdir())
        assert len(files) == 5
        assert len({np.asarray(Image.open(file)).tobytes() for file in files}) == 5, "no image twice"
    assert "CC BY" in (tmp_path / "images/ABOUT.txt").read_text()


def test_a_seed_writes_the_same_and_another_other_images(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_demo(tmp_path / name, 2, seed)
    first, second, other = (content(tmp_path / name) for name in "abc")
    assert first == second
    assert first.keys() == other.keys() and sum(first[name] != other[name] for name in first) == 16


def test_there_are_as_many_scans_as_are_promised(tmp_path):
    write_demo(tmp_path / "most", MOST, 0)
    for name in SCANS:
        scans = {path.read_bytes() for path in (tmp_path / "most/scans").glob(f"*/{name}/*.png")}
        assert len(scans) == 2 * MOST, "no hand twice, in training and in test"


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.jpg").touch()
    with pytest.raises(
        FileExistsError, match="found a folder that is not empty, expected a new or an empty one"
    ):
        write_demo(tmp_path, 2, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.jpg"]
