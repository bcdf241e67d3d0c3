"""Prepared images on disk: schema, metadata, round trip; and the digits with their checksum."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.datasets

from advtransfer.data.catalogue import CATALOGUE
from advtransfer.data.digits import SHA256, load_digits
from advtransfer.data.table import ImageSet, read_images, read_indexed, write_images, write_indexed


@pytest.fixture
def image_set():
    rng = np.random.default_rng(0)
    return ImageSet(
        images=rng.integers(256, size=(7, 12), dtype=np.uint8),
        labels=np.array([2, 0, 1, 1, 0, 2, 2]),
        class_names=("cat", "dog", "größe"),
        shape=(2, 2, 3),
        levels=255,
        source="made up",
        sha256="ab" * 32,
    )


def test_round_trip(tmp_path, image_set):
    write_images(tmp_path / "images", image_set)
    back = read_images(tmp_path / "images")
    for field in dataclasses.fields(ImageSet):
        expected, found = getattr(image_set, field.name), getattr(back, field.name)
        assert np.array_equal(expected, found) and type(expected) is type(found), field.name
    assert back.images.dtype == np.uint8 and back.labels.dtype == np.int64


def test_schema_and_metadata(tmp_path, image_set):
    write_images(tmp_path / "images", image_set)
    schema = pq.read_schema(tmp_path / "images")
    assert schema.names == ["image", "label", "split"]
    assert schema.field("image").type.equals(pa.list_(pa.uint8(), 12))
    assert schema.field("label").type == pa.int64()
    assert pq.read_table(tmp_path / "images")["split"].to_pylist() == ["all"] * 7
    metadata = {
        key.decode(): json.loads(value) for key, value in schema.metadata.items() if b"ARROW" not in key
    }
    assert metadata == {
        "class_names": ["cat", "dog", "größe"],
        "shape": [2, 2, 3],
        "levels": 255,
        "source": "made up",
        "sha256": "ab" * 32,
    }


def test_equal_sets_give_equal_bytes(tmp_path, image_set):
    for name in "ab":
        write_images(tmp_path / name, image_set)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_indexed_columns_come_back_per_replica_in_their_order(tmp_path):
    columns = {
        "index": [np.array([5, 3], np.int32), np.array([], np.int32), np.array([9, 1, 7], np.int32)],
        "role": [np.array(["b", "a"]), np.array([], "<U1"), np.array(["a", "c", "a"])],
    }
    write_indexed(tmp_path / "table", [4, 0, 2], columns)
    assert pq.read_schema(tmp_path / "table").names == ["replica", "index", "role"]
    for replicas in ([4, 0, 2], [2, 4], [0]):
        back = read_indexed(tmp_path / "table", replicas)
        for name, parts in columns.items():
            expected = [parts[[4, 0, 2].index(replica)].tolist() for replica in replicas]
            assert [part.tolist() for part in back[name]] == expected


# -- digits ------------------------------------------------------------------------------------------------------------


def test_digits_are_the_1797_images():
    digits = load_digits()
    assert digits.images.shape == (1797, 64) and digits.shape == (8, 8)
    assert digits.images.max() == digits.levels == 16 and digits.images.min() == 0
    assert digits.sha256 == SHA256 and digits.class_names == tuple("0123456789")
    assert tuple(np.bincount(digits.labels)) == CATALOGUE["digits"].class_counts


@pytest.mark.parametrize("part", ["data", "target"])
def test_other_digits_are_refused(monkeypatch, part):
    bunch = sklearn.datasets.load_digits()
    bunch[part].flat[100] = (bunch[part].flat[100] + 1) % 10
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bunch)
    with pytest.raises(ValueError, match=rf"digits: .* have sha256 [0-9a-f]{{64}}, expected {SHA256}"):
        load_digits()
