"""Raw images that are pipes, devices, links or closed; tables that unpack to more than there is; packed archives."""

import os
import tarfile
import zipfile

import patience
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from natural_images import encoded, photo, plant, tree
from unprivileged import as_nobody, open_folder  # noqa: F401 (a fixture)

from advtransfer.data.natural import ingest, parquet_table
from advtransfer.data.natural.fetch import verify, write_manifest
from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.records import Record, Source
from advtransfer.data.natural.torchvision_sets import torchvision_set

pytestmark = pytest.mark.timeout(patience.limit(1))  # a test that waits at a pipe has failed
HOW = Preparation(resolution=16, max_reject_share=0.99)
PNG = encoded(photo(7, 16, 16), "PNG")


def prepared(source, folder):
    """What was rejected (record -> reason and detail), and how many images were written."""
    paths = folder / "out.parquet", folder / "out.rejects"
    summary = prepare(source, HOW, *paths, workers=2)
    rows = pq.read_table(paths[1]).to_pylist()
    return {row["source"]: (row["reason"], row["detail"]) for row in rows}, summary["images"]


def test_what_has_the_name_of_an_image_and_is_no_file_is_a_reject(tmp_path):
    root = tree(tmp_path / "raw", ("cat",), 2)
    folder = root / "train/cat"
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "gone.png").symlink_to(root / "gone")
    rejects, images = prepared(image_folder(root, ("train",)), tmp_path)
    assert images == 2
    assert rejects == {
        "train/cat/gone.png": ("unreadable", "No such file or directory"),
        "train/cat/pipe.png": ("unreadable", "no regular file (a pipe)"),
        "train/cat/self.png": ("unreadable", "Too many levels of symbolic links"),
        "train/cat/zero.png": ("unreadable", "no regular file (a device)"),
    }


def test_a_class_that_is_a_link_to_itself_is_none(tmp_path):
    root = tree(tmp_path, ("cat",), 2)
    (root / "train/dog").symlink_to(root / "train/dog")
    assert image_folder(root, ("train",)).class_names == ("cat",)


def test_an_image_of_a_terabyte_is_too_large(tmp_path):
    root = tree(tmp_path / "raw", ("cat",), 1)
    os.truncate(plant(root, {"train/cat/big.png": b""}) / "train/cat/big.png", 2**40)
    rejects, images = prepared(image_folder(root, ("train",)), tmp_path)
    assert images == 1 and rejects["train/cat/big.png"][0] == "too-large"


def test_what_is_closed_to_this_user_is_a_reject_or_an_error_and_never_left_out(open_folder):  # noqa: F811
    root = tree(open_folder / "raw", ("cat", "dog"), 2)
    (root / "train/cat/000.png").chmod(0)
    out = open_folder / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    rejects, images = as_nobody(lambda: prepared(image_folder(root, ("train",)), out))
    assert (images, rejects) == (3, {"train/cat/000.png": ("unreadable", "Permission denied")})
    (root / "train/dog").chmod(0)

    def said():
        with pytest.raises(ValueError) as caught:
            image_folder(root, ("train",))
        return str(caught.value)

    assert as_nobody(said) == f"{root}/train/dog: permission denied, expected a folder to look into"
    (root / "train/dog").chmod(0o755)


def test_a_machine_at_its_limits_rejects_no_image(tmp_path):
    """Too many open files says nothing about the image: the next run would see it."""

    def read():
        raise OSError(24, "Too many open files")

    source = Source(tmp_path, "x", ("a",), 1, lambda: iter([Record("a", 0, "all", read)]))
    with pytest.raises(OSError, match="Too many open files"):
        ingest.prepare(source, HOW, tmp_path / "out.parquet", tmp_path / "out.rejects", workers=1)


# ---- torchvision's sets ------------------------------------------------------------------------------------


def test_a_set_with_a_pipe_in_it_is_refused_before_torchvision_waits_at_it(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    os.mkfifo(tmp_path / "cifar-10-batches-py/data_batch_1")
    with pytest.raises(
        ValueError, match=r"data_batch_1: no regular file \(a pipe\), expected a file of the set$"
    ):
        torchvision_set("CIFAR10", tmp_path)


def test_archives_are_not_unpacked_where_raw_images_lie(tmp_path, monkeypatch):
    """ImageNet unpacks what it finds as soon as it is opened."""
    from torchvision.datasets import imagenet

    monkeypatch.setattr(imagenet, "_verify_archive", lambda root, file, md5: None)
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "x", "../escaped")
    before = sorted(tmp_path.rglob("*"))
    unpacking = tarfile.TarFile.extractall, zipfile.ZipFile.extractall
    with pytest.raises(ValueError, match="raw images are read and never written: unpack it by hand"):
        torchvision_set("ImageNet", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before and not (tmp_path.parent / "escaped").exists()
    assert (tarfile.TarFile.extractall, zipfile.ZipFile.extractall) == unpacking


@pytest.mark.parametrize("name", ["../victim", "/etc/passwd"])
def test_a_list_of_hashes_that_leads_out_tells_no_hash(tmp_path, name):
    folder = plant(tmp_path / "set", {"a": b"a"})
    (tmp_path / "victim").write_text("secret")
    write_manifest(folder)
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(ValueError, match="no file below it; delete") as caught:
        verify(folder)
    assert "found" not in str(caught.value)


# ---- tables ------------------------------------------------------------------------------------------------


def write(path, images, labels, **options):
    pq.write_table(pa.table({"image": images, "label": labels}), path, **options)
    return path


def test_a_pipe_or_a_folder_among_the_shards_is_one_line(tmp_path):
    write(tmp_path / "a.parquet", [PNG], [0])
    os.mkfifo(tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet: no regular file \(a pipe\), expected a table$"):
        parquet_table.parquet_table(tmp_path)
    (tmp_path / "b.parquet").unlink()
    (tmp_path / "b.parquet").mkdir()
    with pytest.raises(ValueError, match=r"b\.parquet: is a directory, expected a table$"):
        parquet_table.parquet_table(tmp_path)


def test_more_rows_than_bytes_are_refused_by_the_footer(tmp_path):
    path = write(tmp_path / "t.parquet", pa.nulls(10**6, pa.binary()), pa.repeat(0, 10**6))
    with pytest.raises(
        ValueError, match=r"says that it has 1000000 rows, in \d+ bytes; expected a byte a row$"
    ):
        parquet_table.parquet_table(path)


def test_images_that_unpack_to_more_than_images_take_are_refused_by_the_footer(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_table, "MAX_BYTES", 10**6)
    path = write(tmp_path / "t.parquet", [bytes(3 * 10**6)], [0], compression="zstd")
    assert path.stat().st_size < 10**5
    with pytest.raises(
        ValueError, match=r"an image of it takes 30000\d\d bytes unpacked, expected at most 1000000$"
    ):
        parquet_table.parquet_table(path)


def test_a_dictionary_that_unpacks_to_gigabytes_is_read_one_row_at_a_time(tmp_path):
    """One image of 8 MB that stands in each of 300 rows: 2.4 GB for whoever unpacks them at once."""
    one = pa.DictionaryArray.from_arrays(pa.repeat(0, 300).cast(pa.int32()), pa.array([bytes(8 * 10**6)]))
    path = write(
        tmp_path / "t.parquet", one, pa.repeat(0, 300), dictionary_pagesize_limit=2**30, store_schema=False
    )
    assert path.stat().st_size < 10**7
    before, most, seen = pa.total_allocated_bytes(), 0, 0
    for record in parquet_table.parquet_table(path).records():
        assert len(record.read()) == 8 * 10**6
        most, seen = max(most, pa.total_allocated_bytes() - before), seen + 1
    assert seen == 300 and most < 10 * 8 * 10**6


def test_a_cell_that_is_too_long_is_a_reject_and_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_table, "MAX_BYTES", 10**6)
    images = [PNG, bytes(3 * 10**6), encoded(photo(8, 16, 16), "PNG"), *(b"x" for _ in range(9))]
    rejects, written = prepared(
        parquet_table.parquet_table(write(tmp_path / "t.parquet", images, [0] * 12)), tmp_path
    )
    assert written == 2 and rejects["t.parquet/0000001"] == ("too-large", "3000000 bytes, at most 1000000")


def test_a_word_of_megabytes_is_no_name_of_a_class(tmp_path):
    words = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1], pa.int32()), pa.array(["x" * 10**6, "dog"]))
    path = write(tmp_path / "t.parquet", [PNG] * 3, words)
    with pytest.raises(
        ValueError, match=r"the name of a class has 1000000 bytes, expected at most 1000 characters$"
    ):
        parquet_table.parquet_table(path)


def test_words_that_stand_in_no_row_are_no_classes(tmp_path):
    words = pa.DictionaryArray.from_arrays(
        pa.array([2, None, 0], pa.int32()), pa.array(["dog", "bat", "cat"])
    )
    write(tmp_path / "a.parquet", [PNG] * 3, words)
    write(tmp_path / "b.parquet", [PNG] * 2, ["eel", "cat"])
    source = parquet_table.parquet_table(tmp_path)
    assert source.class_names == ("cat", "dog", "eel")
    assert [record.label for record in source.records()] == [0, -1, 1, 2, 0]


def test_words_beside_numbers_are_one_line(tmp_path):
    write(tmp_path / "a.parquet", [PNG], ["cat"])
    write(tmp_path / "b.parquet", [PNG], [0])
    with pytest.raises(ValueError, match=r"labels are words in some shards and numbers in others$"):
        parquet_table.parquet_table(tmp_path)


@pytest.mark.parametrize("hub", ["[" * 10**5, "[]", '{"info": []}', '{"info": {"features": 5}}', "x"])
def test_damaged_metadata_of_the_hub_are_one_line(tmp_path, hub):
    table = pa.table({"image": [PNG], "label": [0]}).replace_schema_metadata({"huggingface": hub})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"t\.parquet: the hub's metadata in it are damaged: [^\n]*$"):
        parquet_table.parquet_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "damage", [lambda data: data[:100], lambda data: b"", lambda data: data[:4] + data[200:]]
)
def test_a_damaged_table_is_one_line(tmp_path, damage):
    path = write(tmp_path / "t.parquet", [encoded(photo(i), "PNG") for i in range(9)], list(range(9)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"t\.parquet: [^\n]*$"):
        list(parquet_table.parquet_table(path).records())
