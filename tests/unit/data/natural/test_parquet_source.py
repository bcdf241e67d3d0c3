"""Parquet tables of encoded images: the hub's layout, other ones, shards, splits, labels of every kind."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from natural_images import encoded, photo

from advtransfer.data.natural.parquet_table import parquet_table
from advtransfer.data.natural.records import Limits

IMAGES = [encoded(photo(i), "PNG") for i in range(6)]


def hub(label="label", image="image", names=("cat", "dog")):
    features = {image: {"_type": "Image"}, label: {"_type": "ClassLabel", "names": list(names)}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def write(path, images=IMAGES, labels=(0, 1, 1, 0, 1, 0), metadata=None, *, nested=True, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"bytes": i, "path": "x.png"} for i in images] if nested else images
    columns = {"image": cells, "label": labels} | more
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=2)
    return path


def listed(source):
    return [(record.name, record.label, record.split) for record in source.records()]


@pytest.mark.parametrize("nested", [True, False])
def test_one_file_in_the_order_of_its_rows(tmp_path, nested):
    source = parquet_table(write(tmp_path / "t.parquet", metadata=hub(), nested=nested))
    assert source.class_names == ("cat", "dog") and source.description == "Parquet t.parquet (all)"
    assert listed(source) == [
        (f"t.parquet/{i:07d}", label, "all") for i, label in enumerate((0, 1, 1, 0, 1, 0))
    ]
    assert [record.read() for record in source.records()] == IMAGES


def test_the_hubs_metadata_names_the_columns(tmp_path):
    path = write(tmp_path / "t.parquet")
    table = pq.read_table(path).rename_columns(["photo", "fine"])
    table = table.append_column("label", pa.array([9] * 6)).append_column("image", pa.array([b""] * 6))
    pq.write_table(table.replace_schema_metadata(hub("fine", "photo")), path)
    source = parquet_table(path)
    assert [record.label for record in source.records()] == [0, 1, 1, 0, 1, 0]
    assert [record.read() for record in source.records()] == IMAGES


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path / "t.parquet", coarse=["b", "a", "b", "a", "b", "a"], labels_=[0] * 6)
    source = parquet_table(path, image="image", label="coarse")
    assert source.class_names == ("a", "b") and [r.label for r in source.records()] == [1, 0, 1, 0, 1, 0]


def test_labels_without_names_are_named_by_their_numbers(tmp_path):
    source = parquet_table(write(tmp_path / "t.parquet", labels=pa.array([2, 0, 0, 2, 2, 0], pa.uint8())))
    assert source.class_names == ("0", "1", "2") and [r.label for r in source.records()] == [2, 0, 0, 2, 2, 0]


@pytest.mark.parametrize("encode", [False, True])
def test_words_are_classes_in_their_own_order(tmp_path, encode):
    words = pa.array(["wren", "ape", None, "cod", "ape", "ape"])
    source = parquet_table(
        write(tmp_path / "t.parquet", labels=words.dictionary_encode() if encode else words)
    )
    assert source.class_names == ("ape", "cod", "wren")
    assert [record.label for record in source.records()] == [2, 0, -1, 1, 0, 0]


def test_null_is_an_unlabelled_or_an_empty_image(tmp_path):
    path = write(tmp_path / "t.parquet", [*IMAGES[:5], None], (0, None, 1, 1, -1, 0), hub())
    assert [record.label for record in parquet_table(path).records()] == [0, -1, 1, 1, -1, 0]
    assert [record.read() for record in parquet_table(path).records()][-1] == b""


# -- shards and splits ---------------------------------------------------------------------------------------


@pytest.fixture
def shards(tmp_path):
    root = tmp_path / "data"
    for number, (name, labels) in enumerate(
        {"train-00000-of-00002": (0, 1), "train-00001-of-00002": (1, 1)}.items()
    ):
        write(root / f"{name}.parquet", IMAGES[2 * number : 2 * number + 2], labels, hub())
    write(root / "validation-00000-of-00001.parquet", IMAGES[4:5], (1,), hub())
    write(root / "test" / "0000.parquet", IMAGES[5:], (0,), hub())
    return root


def test_a_folder_is_its_shards_in_the_order_of_names(shards):
    source = parquet_table(shards)
    assert listed(source) == [
        ("test/0000.parquet/0000000", 0, "all"),
        ("train-00000-of-00002.parquet/0000000", 0, "all"),
        ("train-00000-of-00002.parquet/0000001", 1, "all"),
        ("train-00001-of-00002.parquet/0000000", 1, "all"),
        ("train-00001-of-00002.parquet/0000001", 1, "all"),
        ("validation-00000-of-00001.parquet/0000000", 1, "all"),
    ]
    assert [record.read() for record in source.records()] == [IMAGES[5], *IMAGES[:5]]


def test_splits_are_told_by_the_names_of_shards_or_folders(shards):
    assert [r.read() for r in parquet_table(shards, ("train",)).records()] == IMAGES[:4]
    assert [r.read() for r in parquet_table(shards, ("test",)).records()] == IMAGES[5:]
    for name in ("val", "validation"):
        assert [(r.read(), r.split) for r in parquet_table(shards, (name,)).records()] == [(IMAGES[4], name)]
    both = [(r.label, r.split) for r in parquet_table(shards, ("train", "test")).records()]
    assert both == [(0, "test"), (0, "train"), (1, "train"), (1, "train"), (1, "train")]


def test_limits_reach_across_shards(shards):
    source = parquet_table(shards, limits=Limits(classes=["dog"], per_class=2))
    assert source.class_names == ("dog",) and source.count == 2
    assert listed(source) == [
        ("train-00000-of-00002.parquet/0000001", 0, "all"),
        ("train-00001-of-00002.parquet/0000000", 0, "all"),
    ]
    assert [record.read() for record in source.records()] == IMAGES[1:3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"splits": ("dev2",)}, r"data: a shard of 'dev2' expected, found 4 tables"),
        ({"image": "photo"}, r"parquet: no column 'photo'; it has image, label"),
        ({"image": "label"}, r"column 'label' is int64; expected binary or a struct with bytes"),
        ({"label": "image"}, r"column 'image' is struct<.*>; expected integers or strings"),
    ],
)
def test_what_cannot_be_is_told(shards, arguments, message):
    with pytest.raises(ValueError, match=message):
        parquet_table(shards, **arguments)


def test_shards_that_disagree_are_told(shards, tmp_path):
    write(shards / "train-00009.parquet", IMAGES[:1], (0,), hub(names=("dog", "cat")))
    with pytest.raises(ValueError, match="data: the shards name their classes differently"):
        parquet_table(shards)
    assert parquet_table(shards, ("test",)).count == 1
    with pytest.raises(ValueError, match="label 2 found, expected 0 to 1"):
        parquet_table(write(tmp_path / "t.parquet", labels=(0, 2, 0, 0, 0, 0), metadata=hub()))
    with pytest.raises(ValueError, match=r"t.parquet: which column is the label\? It has image, group"):
        path = write(tmp_path / "t.parquet")
        pq.write_table(pq.read_table(path).rename_columns(["image", "group"]), path)
        parquet_table(path)
    with pytest.raises(ValueError, match="nowhere: no such file or folder"):
        parquet_table(tmp_path / "nowhere")


def test_only_the_rows_at_hand_are_in_memory(tmp_path):
    """A table of 400 images of 100 kB in row groups of 50."""
    blobs = [np.random.default_rng(i).bytes(100_000) for i in range(400)]
    path = tmp_path / "big.parquet"
    schema = pa.schema([("image", pa.binary()), ("label", pa.int64())])
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer:
        writer.write_table(pa.table({"image": blobs, "label": [0] * 400}, schema=schema), row_group_size=50)
    del blobs
    before, peak = pa.total_allocated_bytes(), 0
    for record in parquet_table(path).records():
        peak = max(peak, pa.total_allocated_bytes() - before)
        assert len(record.read()) == 100_000
    assert peak < 25_000_000
