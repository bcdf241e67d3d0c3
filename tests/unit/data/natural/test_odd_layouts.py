"""Trees and tables as people have them, by way of a block of params.yaml: used whole, or refused in one line."""

import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from natural_images import encoded, photo, plant

from advtransfer.data.natural.sources import open_source

IMAGE = encoded(photo(0), "PNG")


def images(*folders, count=3):
    return {f"{folder}/{i}.png": IMAGE for folder in folders for i in range(count)}


def opened(root, path="pets", splits=(), **more):
    return open_source({"folder": {"path": path, "splits": list(splits)}, **more}, root)


def refusal(root, **block):
    with pytest.raises(ValueError) as error:
        opened(root, **block)
    text = str(error.value)
    assert "\n" not in text
    return text


def names(source):
    return [record.name for record in source.records()]


# -- something else than a folder a class ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folders", "more"),
    [
        (("train/ant", "train/bee", "test/ant", "test/bee"), ()),
        (("Train/ant", "Validation/ant"), ()),
        (("train/ant", "val/ant", "devkit"), ()),
        (("train/ant", "train/bee"), ()),
    ],
)
def test_splits_that_were_not_named_are_no_classes(tmp_path, folders, more):
    plant(tmp_path / "pets", images(*folders))
    told = refusal(tmp_path)
    words = sorted({f.split("/")[0] for f in folders} - {"devkit"})
    assert f"pets: found the folders {', '.join(words)}, which look like splits" in told
    assert f"splits: [{', '.join(words)}]" in told


def test_a_class_may_be_called_train(tmp_path):
    plant(tmp_path / "pets", images("bus", "car", "train"))
    assert opened(tmp_path).class_names == ("bus", "car", "train")


def test_whoever_names_the_classes_means_them(tmp_path):
    plant(tmp_path / "pets", images("train", "test", "images", "A", "a") | {"empty/notes.txt": b""})
    refusal(tmp_path)
    asked = ["train", "test", "images", "A", "a"]
    assert sorted(opened(tmp_path, classes=asked).class_names) == sorted(asked)


def test_an_archive_in_a_folder_of_its_own_name_is_no_class(tmp_path):
    plant(tmp_path / "pets", images("pets/ant", "pets/bee"))
    told = refusal(tmp_path)
    assert "found the one class 'pets', expected at least two" in told
    assert "if its folders ant, bee are meant, let path end in pets/pets" in told


def test_one_class_is_no_set(tmp_path):
    plant(tmp_path / "pets", images("ant"))
    assert "pets: found the one class 'ant', expected at least two" in refusal(tmp_path)


def test_tiny_imagenet_as_it_is_distributed(tmp_path):
    """Its validation images lie in one folder; those of training in one a class."""
    files = images("train/n01/images", "train/n02/images", "val/images", "test/images")
    plant(tmp_path / "tiny", files | {"val/val_annotations.txt": b"", "train/n01/n01_boxes.txt": b""})
    told = refusal(tmp_path, path="tiny", splits=["train", "val"])
    assert "tiny/val: found the folder images, which looks like no class, expected a folder a class" in told
    assert "look like splits" in refusal(tmp_path, path="tiny")
    source = opened(tmp_path, path="tiny/train")
    assert source.class_names == ("n01", "n02") and source.count == 6 and source.other_files == 1


def test_a_split_with_other_classes_is_told(tmp_path):
    plant(tmp_path / "pets", images("train/ant", "train/bee", "test/0", "test/1"))
    told = refusal(tmp_path, splits=["train", "test"])
    assert "train: found the folders ant, bee, none of which is a class of the other splits (0, 1)" in told


def test_a_class_of_one_split_alone_is_told(tmp_path):
    plant(tmp_path / "pets", images("train/ant", "train/bee", "train/cat", "test/ant", "test/bee"))
    told = refusal(tmp_path, splits=["train", "test"])
    assert (
        "pets: class 'cat': split 'test' has no image of it, train has; expected images of every class"
        in told
    )
    asked = ["ant", "bee", "cat"]
    assert opened(tmp_path, splits=["train", "test"], classes=asked).count == 15


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ant", "ant"),
        ("ant", "ant "),
        ("red ant", "redant"),
        ("straße", "STRASSE"),
        (unicodedata.normalize("NFC", "fée"), unicodedata.normalize("NFD", "fée")),
    ],
)
def test_names_that_look_alike_are_told(tmp_path, one, other):
    plant(tmp_path / "pets", images(one, other, "bee"))
    told = refusal(tmp_path)
    assert "differ in case, blanks or Unicode form alone" in told and told.isascii()
    assert repr(one).isascii() <= (repr(one) in told)
    table = tmp_path / "words.parquet"
    pq.write_table(pa.table({"image": [IMAGE] * 4, "label": [one, other, "bee", "bee"]}), table)
    with pytest.raises(ValueError, match="differ in case, blanks or Unicode form alone"):
        open_source({"parquet": {"path": "words.parquet", "splits": []}}, tmp_path)


# -- images and classes that would vanish ------------------------------------------------------------------------


def test_images_in_a_split_without_folders_are_told(tmp_path):
    plant(tmp_path / "pets", images("train/ant", "train/bee", "val"))
    told = refusal(tmp_path, splits=["train", "val"])
    assert "pets/val: found 3 images and no folder of a class with images, expected val/CLASS/IMAGE" in told


def test_a_split_without_an_image_is_told(tmp_path):
    plant(tmp_path / "pets", images("train/ant", "train/bee") | {"val/ant/notes.txt": b""})
    told = refusal(tmp_path, splits=["train", "val"])
    assert "pets/val: no image in it, expected val/CLASS/IMAGE; without an image: ant" in told


@pytest.mark.parametrize("classes", [None, 2])
def test_a_class_without_an_image_is_told(tmp_path, classes):
    plant(tmp_path / "pets", images("ant", "bee") | {"cat/notes.txt": b"no image"})
    (tmp_path / "pets" / "dog").mkdir()
    told = refusal(tmp_path, **({"classes": classes} if classes else {}))
    assert "pets/cat: no image in this class; add some, remove the folder" in told


def test_images_are_told_by_their_first_bytes_whatever_their_names(tmp_path):
    kinds = {
        "jfif": "JPEG",
        "JPE": "JPEG",
        "dat": "PNG",
        "": "WEBP",
        "pbm": "PPM",
        "img": "BMP",
        "x": "TIFF",
        "y": "GIF",
    }
    files = {
        f"ant/{i}.{suffix}".rstrip("."): encoded(photo(i), kind)
        for i, (suffix, kind) in enumerate(kinds.items())
    }
    plant(
        tmp_path / "pets",
        files | images("bee") | {"ant/BM.txt": b"BMI of ants", "ant/P.txt": b"P1 is not P2"},
    )
    source = opened(tmp_path)
    assert (
        sorted(n for n in names(source) if n.startswith("ant")) == sorted(files) and source.other_files == 2
    )


def test_a_class_on_a_disk_that_is_not_mounted_is_told(tmp_path):
    plant(tmp_path / "pets", images("ant", "bee"))
    (tmp_path / "pets" / "cat").symlink_to("/mnt/not/mounted")
    assert "pets/cat: a link to /mnt/not/mounted, which is not there; mount the disk" in refusal(tmp_path)
    assert opened(tmp_path, classes=["ant", "bee"]).count == 6


def test_linked_folders_within_a_class_are_followed_and_loops_cut(tmp_path):
    plant(tmp_path / "pets", images("ant", "bee"))
    plant(tmp_path / "more", {"9.png": IMAGE, "deep/8.png": IMAGE})
    (tmp_path / "pets/ant/more").symlink_to(tmp_path / "more")
    for link, target in {"more/deep/up": "more", "more/self": "more/deep", "pets/bee/root": "pets"}.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    (tmp_path / "pets/bee/gone").symlink_to("/mnt/not/mounted")
    source = opened(tmp_path)
    found = names(source)
    assert [name for name in found if "more" in name] == [
        "ant/more/9.png",
        "ant/more/deep/8.png",
        "ant/more/self/8.png",
    ]
    assert [name for name in found if name.startswith("bee/")] == [
        "bee/0.png",
        "bee/1.png",
        "bee/2.png",
        "bee/gone",
    ]
    assert source.other_files == 3  # up, up by way of self, and root


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    plant(tmp_path, {"pets": b"PK"})
    assert "pets: a file; expected one folder a class in it" in refusal(tmp_path)


# -- tables ------------------------------------------------------------------------------------------------------


def table(root, shards, splits=(), **more):
    """What a folder of tables is opened as: shard -> labels."""
    for name, labels in shards.items():
        (root / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"image": [IMAGE] * len(labels), "label": labels}), root / "t" / name)
    return open_source({"parquet": {"path": "t", "splits": list(splits)}, **more}, root)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (
            pa.array([1, 2, 1, 2]),
            "no image has the label 0; found the labels 1, 2, expected 0, 1, 2 and so on",
        ),
        (pa.array([0, 2, 2]), "no image has the label 1; found the labels 0, 2, expected"),
        (pa.array([0, 1] * 200 + [255], pa.uint8()), "no image has the label 2; found the labels 0, 1, 255"),
        (pa.array([0, 1, 255], pa.uint8()), "found the label 255 in 3 rows, expected the number of a class"),
        (pa.array([0, 0, 0]), "found the one class '0', expected at least two"),
        (pa.array(["a", "a"]), "found the one class 'a', expected at least two"),
        (
            pa.array([2**64 - 1, 0], pa.uint64()),
            "one.parquet: labels are no numbers of classes: Integer value 18446744073709551615",
        ),
    ],
)
def test_labels_that_are_no_numbers_of_classes_are_told(tmp_path, labels, told):
    with pytest.raises(ValueError) as error:
        table(tmp_path, {"one.parquet": labels})
    assert told in str(error.value) and "\n" not in str(error.value)


def test_classes_may_be_named_of_labels_with_gaps(tmp_path):
    source = table(tmp_path, {"one.parquet": [1, 2, 1, 2]}, classes=["1", "2"])
    assert source.class_names == ("1", "2") and [record.label for record in source.records()] == [0, 1, 0, 1]


def test_a_split_without_labels_may_lack_classes(tmp_path):
    source = table(tmp_path, {"train.parquet": [0, 1], "test.parquet": [-1, -1]}, ["train", "test"])
    assert source.count == 4
    with pytest.raises(ValueError, match="class '1': split 'test' has no image of it, train has"):
        table(tmp_path, {"train.parquet": [0, 1], "test.parquet": [0, -1]}, ["train", "test"])


@pytest.mark.parametrize("kinds", [("int64", "int32"), ("uint8", "int64"), ("int32", "uint16")])
def test_integers_of_any_width_are_joined(tmp_path, kinds):
    shards = {
        f"train-{i}.parquet": pa.array([0, 1, 1], kind)
        for i, kind in enumerate(map(pa.type_for_alias, kinds))
    }
    assert [record.label for record in table(tmp_path, shards).records()] == [0, 1, 1] * 2


def test_words_beside_numbers_are_told_with_both_shards(tmp_path):
    with pytest.raises(
        ValueError, match=r"b.parquet, a.parquet: labels are words in some shards and numbers in others"
    ):
        table(tmp_path, {"a.parquet": [0, 1], "b.parquet": ["cat", "dog"]})
    encoded_words = {"a.parquet": ["cat", "dog"], "b.parquet": pa.array(["dog", "cat"]).dictionary_encode()}
    assert table(tmp_path, encoded_words).class_names == ("cat", "dog")


def test_hidden_shards_are_no_data(tmp_path):
    hidden = (
        ".ipynb/train-0.parquet",
        "_temporary/0/train-0.parquet",
        "._train-0.parquet",
        ".train-1.parquet",
    )
    source = table(tmp_path, {"train-0.parquet": [0, 1]} | {name: [0, 1] for name in hidden})
    assert source.count == 2


@pytest.mark.parametrize(
    ("shards", "told"),
    [
        (
            ["train-00000-of-00003", "train-00002-of-00003"],
            "train-00001-of-00003.parquet missing, found 2 shards",
        ),
        (["train-00000-of-00004"], "train-00001-of-00004.parquet and 2 more missing, found 1 shards"),
        (["a/train-1-of-3", "a/train-3-of-3"], "a/train-2-of-3.parquet missing"),
        (["train-0-of-2", "train-1-of-2", "train-0-of-3"], "is one of 3 shards, another is one of 2"),
        (["train/0000", "train/0002"], "train/0001.parquet missing"),
    ],
)
def test_incomplete_sets_are_told_with_what_is_missing(tmp_path, shards, told):
    with pytest.raises(ValueError) as error:
        table(tmp_path, {f"{name}.parquet": [0, 1] for name in shards})
    assert told in str(error.value)


def test_whole_sets_and_numbers_that_count_nothing_are_read(tmp_path):
    whole = [
        "train-00000-of-00002",
        "train-00001-of-00002",
        "test-1-of-2",
        "test-2-of-2",
        "train/0000",
        "train/0001",
    ]
    years = ["photos-2019", "photos-2020", "a1", "a7"]
    assert table(tmp_path, {f"{name}.parquet": [0, 1] for name in [*whole, *years]}).count == 20


def test_the_other_splits_need_not_be_whole(tmp_path):
    assert table(tmp_path, {"train.parquet": [0, 1], "test-0-of-2.parquet": [0, 1]}, ["train"]).count == 2


def test_linked_shards_are_read_and_lost_ones_told(tmp_path):
    table(tmp_path / "store", {"0.parquet": [0, 1], "1.parquet": [0, 1]})
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "part").symlink_to(tmp_path / "store/t")
    assert table(tmp_path, {}).count == 4
    (folder / "2.parquet").symlink_to("/mnt/not/mounted")
    with pytest.raises(ValueError, match=r"2.parquet: a link to /mnt/not/mounted, which is not there"):
        table(tmp_path, {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PAR1 and no more", "no table that can be read: "),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "a pointer of Git LFS, not the table",
        ),
        (b"", "no table that can be read: "),
    ],
)
def test_a_damaged_shard_among_many_is_named(tmp_path, content, told):
    table(tmp_path, {f"train-{i}.parquet": [0, 1] for i in range(4)})
    (tmp_path / "t/train-2.parquet").write_bytes(content)
    with pytest.raises(ValueError) as error:
        table(tmp_path, {})
    assert str(error.value).startswith(f"{tmp_path}/t/train-2.parquet: {told}") and "\n" not in str(
        error.value
    )


def test_a_shard_with_damaged_images_is_named_when_they_are_read(tmp_path):
    table(tmp_path, {"a.parquet": [0, 1]})
    path, begin = tmp_path / "t" / "b.parquet", b"\x28\xb5\x2f\xfd"  # of what zstd has compressed
    pq.write_table(pa.table({"label": [0, 1] * 4, "image": [bytes(5000)] * 8}), path, compression="zstd")
    before, _, after = path.read_bytes().rpartition(begin)
    path.write_bytes(before + bytes(4) + after)
    with pytest.raises(ValueError, match=r"t/b.parquet: images cannot be read: "):
        list(table(tmp_path, {}).records())
