"""The job that prepares an image set: what it says of a mistake, and what its seal will tell of the raw images."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from advtransfer.data.natural.prepared import iterate_rows
from advtransfer.data.natural.raw_files import raw_state
from advtransfer.params.datasets import Dataset
from advtransfer.stages import ingest


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """A folder with the data folder in it, and how to prepare what a block names."""
    monkeypatch.setenv("ADVTRANSFER_DATA", str(tmp_path))
    rng = np.random.default_rng(0)
    for label in ("ant", "bee"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{number}.png")
    return tmp_path


def prepare(root, path="pets", **more):
    params = Dataset.model_validate({"folder": {"path": path}, "resolution": 8, **more}).prepare()
    outputs = {"images": root / "photos.parquet", "rejects": root / "photos.rejects.parquet"}
    return ingest.main(params, {}, outputs), params


def test_the_seal_tells_of_the_raw_images_and_of_every_class(pets):
    told, params = prepare(pets)
    assert told["raw"] == raw_state(params, pets) and told["raw"]["files"] == 6
    assert told["counts"]["of_class"] == {"all": {"ant": 3, "bee": 3}}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"path": "pets/ant"},
            "datasets.photos: {}/pets/ant: found 3 images and no folder of a class with images",
        ),
        ({"path": "cats"}, "datasets.photos: {}/cats: no such folder; expected one folder a class in it"),
        (
            {"classes": ["ant", "cat"]},
            "datasets.photos: {}/pets: 'cat' asked for, it has the 2 classes ant, bee",
        ),
        ({"sha256": "0" * 64}, "datasets.photos.sha256: found 00000000"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_set(pets, more, line):
    with pytest.raises(SystemExit) as error:
        prepare(pets, **more)
    assert str(error.value).startswith(line.format(pets)) and "\n" not in str(error.value)


def test_the_ways_to_read_an_image_are_those_that_params_say(pets):
    exif = Image.Exif()
    exif[0x0112] = 3
    up = np.zeros((8, 8, 3), np.uint8)
    up[:4] = 255
    Image.fromarray(up).save(pets / "pets/ant/x.png", exif=exif)
    clear = np.dstack([np.full((8, 8, 3), 100, np.uint8), np.zeros((8, 8), np.uint8)])
    Image.fromarray(clear).save(pets / "pets/ant/y.png")
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(pets / "pets/bee/x.png")
    asked = {"orientation": "exif", "transparency": "white", "grey_bits": 12}
    for more, expected in (({}, (255, 100, 15)), (asked, (0, 255, 250))):
        told, _ = prepare(pets, **more)
        rows = {name: pixels.reshape(8, 8, 3) for pixels, *_, name in iterate_rows(pets / "photos.parquet")}
        first, clear, grey = rows["ant/x.png"][0, 0, 0], rows["ant/y.png"].mean(), rows["bee/x.png"][0, 0, 0]
        assert (first, int(clear), grey) == expected
        assert told["counts"]["noticed"] == {
            "16-bit": 1,
            "16-bit, none above 4095": 1,
            "transparent": 1,
            "turned by EXIF": 1,
        }
    assert len(pq.read_table(pets / "photos.rejects.parquet")) == 0
