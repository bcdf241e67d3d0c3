"""From a source to prepared images and rejects: content, order, determinism, everything accounted for."""

import dataclasses
import hashlib
import io
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from natural_images import encoded, photo, plant, real_images, tree
from PIL import Image

from advtransfer.data.natural.decode import Choices
from advtransfer.data.natural.folder import image_folder
from advtransfer.data.natural.ingest import Preparation, prepare
from advtransfer.data.natural.prepared import PixelReader, iterate_rows, read_column, read_header
from advtransfer.data.natural.records import Limits, Record, Source

HOW = Preparation(resolution=16, max_reject_share=1.0)
SIZE = 16 * 16 * 3


def run(root, splits=("train",), how=HOW, workers=2, out="out"):
    """Summary, table of images, rows of rejects."""
    paths = root / f"{out}.parquet", root / f"{out}.rejects"
    summary = prepare(image_folder(root, splits), how, *paths, workers=workers)
    return summary, pq.read_table(paths[0]), pq.read_table(paths[1]).to_pylist()


def pixels_of(table):
    return np.frombuffer(b"".join(table["image"].to_pylist()), dtype=np.uint8).reshape(-1, 16, 16, 3)


def small(seed, mode="RGB"):
    return photo(seed, 16, 16, mode)


def png(seed):
    return encoded(small(seed), "PNG")


# -- what is written -----------------------------------------------------------------------------------------


def test_images_labels_splits_and_names_in_the_order_of_names(tmp_path):
    tree(tmp_path, ("cat", "dog"), 3)
    tree(tmp_path, ("dog", "eel"), 1, split="test", size=17)
    summary, table, rejects = run(tmp_path, ("train", "test"))
    names = [
        "test/dog/000.png",
        "test/eel/000.png",
        *(f"train/{c}/{i:03d}.png" for c in ("cat", "dog") for i in range(3)),
    ]
    assert table["source"].to_pylist() == names and table["label"].to_pylist() == [1, 2, 0, 0, 0, 1, 1, 1]
    assert table["split"].to_pylist() == ["test"] * 2 + ["train"] * 6
    np.testing.assert_array_equal(pixels_of(table)[2], np.asarray(small(0)))
    np.testing.assert_array_equal(pixels_of(table)[7], np.asarray(small(1002)))
    assert summary == {
        "records": 8,
        "images": 8,
        "classes": 3,
        "rejected": {},
        "converted": {},
        "noticed": {},
        "resized": 2,
        "unlabelled": 0,
        "other_files": 0,
        "of_class": {"train": {"cat": 3, "dog": 3}, "test": {"dog": 1, "eel": 1}},
    }
    assert rejects == []


def test_schema_and_metadata(tmp_path):
    tree(tmp_path)
    _, table, _ = run(tmp_path, how=dataclasses.replace(HOW, resampling="box"))
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.names == ["image", "label", "split", "source"] and schema.field("image").type == pa.binary(
        SIZE
    )
    assert schema.field("label").type == pa.int64()
    meta = {key.decode(): json.loads(value) for key, value in schema.metadata.items()}
    labels = np.repeat(np.arange(2, dtype=np.int64), 3)
    assert meta == {
        "class_names": ["cat", "dog"],
        "shape": [16, 16, 3],
        "levels": 255,
        "source": f"folder {tmp_path.name} (train)",
        "sha256": hashlib.sha256(pixels_of(table).tobytes() + labels.tobytes()).hexdigest(),
        "resampling": "box",
        "counts": [3, 3],
    }
    rejects = pq.read_schema(tmp_path / "out.rejects")
    assert rejects.names == ["source", "label", "split", "reason", "detail"]


def test_the_header_is_read_back(tmp_path):
    tree(tmp_path)
    _, table, _ = run(tmp_path, how=dataclasses.replace(HOW, row_group_bytes=4 * (SIZE + 256)))
    header = read_header(tmp_path / "out.parquet")
    assert (header.class_names, header.shape, header.counts) == (("cat", "dog"), (16, 16, 3), (3, 3))
    assert header.group_sizes == (4, 2) and len(header) == 6 and header.image_bytes == SIZE
    assert read_column(header.path, "label").tolist() == [0, 0, 0, 1, 1, 1]
    reader = PixelReader(header.path)
    read = np.concatenate([reader.read(0), reader.read(1)])
    np.testing.assert_array_equal(read.reshape(-1, 16, 16, 3), pixels_of(table))
    rows = list(iterate_rows(header.path))
    np.testing.assert_array_equal(np.stack([row[0] for row in rows]), read)
    assert [row[1:] for row in rows] == list(
        zip(*(table[c].to_pylist() for c in ("label", "split", "source")), strict=True)
    )


def test_another_table_is_no_prepared_file(tmp_path):
    pq.write_table(pa.table({"image": [b""]}), tmp_path / "other")
    with pytest.raises(ValueError, match="other: no prepared images"):
        read_header(tmp_path / "other")


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_bytes_do_not_depend_on_threads_or_place(tmp_path, workers):
    for root, threads in ((tmp_path / "a" / "set", 1), (tmp_path / "b" / "set", workers)):
        tree(root, ("cat", "dog", "eel"), 60, size=20)
        plant(root, {"train/cat/broken.png": b"1", "train/dog/twin.png": encoded(photo(3, 20, 20), "PNG")})
        run(root, workers=threads)
    for name in ("out.parquet", "out.rejects"):
        assert (tmp_path / "a/set" / name).read_bytes() == (tmp_path / "b/set" / name).read_bytes()


def test_row_groups_hold_at_most_what_is_asked(tmp_path):
    tree(tmp_path, ("cat",), 30)
    for size in (SIZE, 5 * SIZE, 10**6):
        run(tmp_path, how=dataclasses.replace(HOW, row_group_bytes=size))
        footer = pq.read_metadata(tmp_path / "out.parquet")
        groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
        assert len(groups) > 1 or size == 10**6
        assert all(group.num_rows == 1 or group.total_byte_size <= size for group in groups)
        assert {group.column(0).compression for group in groups} == {"UNCOMPRESSED"}
    for size in (SIZE - 1, 65 * 2**20):
        with pytest.raises(
            ValueError, match=f"row_group_bytes is {size}; expected {SIZE} .* to {64 * 2**20}"
        ):
            run(tmp_path, how=dataclasses.replace(HOW, row_group_bytes=size))


def test_a_filter_that_is_not_known_is_told():
    with pytest.raises(ValueError, match="resampling is 'nearest'; expected one of box, bilinear"):
        Preparation(resolution=16, resampling="nearest")


def test_limits_are_kept(tmp_path):
    tree(tmp_path, ("cat", "dog", "eel"), 4)
    source = image_folder(tmp_path, ("train",), Limits(classes=["dog", "eel"], per_class=2))
    summary = prepare(source, HOW, tmp_path / "out", tmp_path / "rejects", workers=1)
    assert summary["images"] == 4 and read_header(tmp_path / "out").class_names == ("dog", "eel")


# -- what is left out ----------------------------------------------------------------------------------------


def test_every_record_is_prepared_or_told_why_not(tmp_path):
    good = {f"train/a/{i}.png": png(i) for i in range(3)}
    bad = {
        "train/a/empty.jpg": b"",
        "train/a/html.jpg": b"<html>",
        "train/b/cut.jpg": encoded(photo(9))[:-30],
        "train/b/large.png": encoded(photo(9, 50, 50), "PNG"),
        "train/b/seen.png": png(20),
        "train/b/thumbs.db": b"",
    }
    grey = {f"train/b/grey{i}.jpg": encoded(photo(30 + i, mode="L")) for i in range(2)}
    cmyk = {"train/b/cmyk.jpg": encoded(photo(40, mode="CMYK"))}
    plant(tmp_path, good | bad | grey | cmyk)
    (tmp_path / "train/b/gone.png").symlink_to(tmp_path / "nowhere")
    how = dataclasses.replace(HOW, choices=Choices(max_pixels=49 * 50, modes="reject"))
    summary, table, rejects = run(tmp_path, how=how)
    assert [(r["source"], r["label"], r["split"], r["reason"]) for r in rejects] == [
        ("train/a/empty.jpg", 0, "train", "empty"),
        ("train/a/html.jpg", 0, "train", "corrupt"),
        ("train/b/cmyk.jpg", 1, "train", "mode"),
        ("train/b/cut.jpg", 1, "train", "corrupt"),
        ("train/b/gone.png", 1, "train", "unreadable"),
        ("train/b/large.png", 1, "train", "too-large"),
    ]
    details = {r["source"][8:]: r["detail"] for r in rejects}
    assert details["large.png"] == "50x50, at most 2450 pixels" and details["cmyk.jpg"] == "CMYK"
    assert "truncated" in details["cut.jpg"] and details["gone.png"] == "No such file or directory"
    assert summary["records"] == 12 and summary["images"] == len(table) == 6 and summary["other_files"] == 1
    assert summary["rejected"] == {"corrupt": 2, "empty": 1, "mode": 1, "too-large": 1, "unreadable": 1}
    assert summary["converted"] == {"L": 2}
    summary, table, _ = run(tmp_path, how=HOW)
    assert summary["converted"] == {"CMYK": 1, "L": 2} and "train/b/cmyk.jpg" in table["source"].to_pylist()


def test_later_duplicates_are_left_out(tmp_path):
    """Told by decoded pixels: another format with the same pixels is a duplicate, another size is none."""
    same = small(1)
    files = {
        "train/a/1.png": png(1),
        "train/a/2.bmp": encoded(same, "BMP"),
        "train/a/3.webp": encoded(same, "WEBP", lossless=True),
        "train/a/4.png": encoded(same.resize((32, 32), 0), "PNG"),
        "train/b/1.png": png(2),
    }
    summary, table, rejects = run(plant(tmp_path, files))
    assert table["source"].to_pylist() == ["train/a/1.png", "train/a/4.png", "train/b/1.png"]
    assert [(r["source"], r["reason"], r["detail"]) for r in rejects] == [
        ("train/a/2.bmp", "duplicate", "same pixels as train/a/1.png"),
        ("train/a/3.webp", "duplicate", "same pixels as train/a/1.png"),
    ]
    assert summary["rejected"] == {"duplicate": 2}


def test_the_same_bytes_in_another_shape_are_another_image(tmp_path):
    flat = {size: Image.new("RGB", size, (9, 9, 9)) for size in ((16, 16), (32, 8), (8, 32))}
    files = {f"train/a/{w}x{h}.png": encoded(image, "PNG") for (w, h), image in flat.items()}
    assert run(plant(tmp_path, files))[0]["images"] == 3


def test_equal_images_with_different_labels_are_all_left_out(tmp_path):
    files = {f"train/{c}/{i}.png": png(100 * k + i) for k, c in enumerate("abc") for i in range(20)}
    files |= {
        "train/a/x.png": png(7),
        "train/c/y.png": png(7),
    }  # a/7.png, the same again, and as another class
    files |= {"train/b/19.png": b"", "train/c/19.png": b""}
    how = dataclasses.replace(HOW, row_group_bytes=8 * (SIZE + 256))
    summary, table, rejects = run(plant(tmp_path, files), how=how)
    conflicts = [r for r in rejects if r["reason"] == "conflict"]
    assert [r["source"] for r in conflicts] == ["train/a/7.png", "train/a/x.png", "train/c/y.png"]
    assert summary["images"] + len(rejects) == summary["records"] == len(files)
    kept = table["source"].to_pylist()
    assert not {r["source"] for r in rejects} & set(kept) and kept == sorted(kept)
    expected = {name: files[name] for name in kept}
    np.testing.assert_array_equal(
        pixels_of(table), np.stack([np.asarray(decoded(data)) for data in expected.values()])
    )
    clean = tmp_path / "clean" / tmp_path.name
    run(plant(clean, expected), how=how)
    assert (clean / "out.parquet").read_bytes() == (tmp_path / "out.parquet").read_bytes()


def decoded(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_conflict_names_its_labels(tmp_path):
    files = {
        "train/a/1.png": png(1),
        "train/a/3.png": png(3),
        "train/b/1.png": png(1),
        "train/b/2.png": png(2),
    }
    summary, table, rejects = run(plant(tmp_path, files))
    assert [(r["source"], r["label"], r["reason"]) for r in rejects] == [
        ("train/a/1.png", 0, "conflict"),
        ("train/b/1.png", 1, "conflict"),
    ]
    assert rejects[0]["detail"] == "same pixels under the labels 0, 1: train/a/1.png, train/b/1.png"
    assert table["source"].to_pylist() == ["train/a/3.png", "train/b/2.png"]
    assert summary["rejected"] == {"conflict": 2}
    assert json.loads(pq.read_schema(tmp_path / "out.parquet").metadata[b"counts"]) == [1, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "out.rejects", "train"]


def test_too_many_rejects_are_an_error_and_no_images_are_left(tmp_path):
    files = {f"train/a/{i}.png": png(i) for i in range(8)} | {"train/a/x.png": b"", "train/a/y.png": b"?"}
    plant(tmp_path, files)
    run(tmp_path, how=dataclasses.replace(HOW, max_reject_share=0.2), out="enough")
    message = (
        rf"^{tmp_path}: 2 of 10 images rejected \(20.00%: 1 corrupt, 1 empty; first train/a/x.png\), "
        r"allowed 19.00%: mend the files or raise max_reject_share$"
    )
    with pytest.raises(ValueError, match=message):
        run(tmp_path, how=dataclasses.replace(HOW, max_reject_share=0.19))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "enough.parquet",
        "enough.rejects",
        "out.rejects",
        "train",
    ]
    assert len(pq.read_table(tmp_path / "out.rejects")) == 2


@pytest.mark.parametrize("spoilt", ["a", "b"])
def test_a_class_of_which_every_image_is_rejected_is_an_error_that_names_it(tmp_path, spoilt):
    files = {f"train/{c}/{i}.png": png(100 * k + i) for k, c in enumerate("ab") for i in range(8)}
    files |= {f"test/{c}/{i}.png": png(100 * k + i + 50) for k, c in enumerate("ab") for i in range(2)}
    files |= {f"test/{spoilt}/{i}.png": b"" for i in range(2)}
    message = (
        rf"{tmp_path}: class '{spoilt}' of split test: every image is rejected \(2 empty; first test/{spoilt}/0.png: "
        r"0 bytes\): mend the files"
    )
    with pytest.raises(ValueError, match=message):
        run(plant(tmp_path, files), ("train", "test"))
    assert not (tmp_path / "out.parquet").exists() and len(pq.read_table(tmp_path / "out.rejects")) == 2


def test_images_beside_the_folders_of_the_classes_are_rejects(tmp_path):
    files = {f"train/{c}/{i}.png": png(10 * k + i) for k, c in enumerate("ab") for i in range(3)}
    plant(tmp_path, files | {"train/sheet.png": png(90), "train/README": b"x"})
    summary, _, rejects = run(tmp_path)
    (reject,) = rejects
    assert (reject["source"], reject["label"], reject["reason"]) == ("train/sheet.png", -1, "no-class")
    assert summary["records"] == 7 and summary["other_files"] == 1
    with pytest.raises(ValueError, match="1 of 7 images rejected"):
        run(tmp_path, how=dataclasses.replace(HOW, max_reject_share=0.1))


def test_formats_that_are_not_read_are_rejects_that_name_them(tmp_path):
    """Whatever their names end in; the same bytes under any name are an image or none."""
    heic = b"\0\0\0\x18ftypheic" + bytes(20)
    files = {f"train/{c}/{i}.png": png(10 * k + i) for k, c in enumerate("ab") for i in range(3)}
    odd = {
        "train/a/p.HEIC": heic,
        "train/a/q": heic,
        "train/b/photo.jfif": encoded(small(80)),
        "train/b/x.t": b"x",
    }
    summary, table, rejects = run(plant(tmp_path, files | odd))
    assert [(r["source"], r["reason"]) for r in rejects] == [
        ("train/a/p.HEIC", "format"),
        ("train/a/q", "format"),
    ]
    assert rejects[0]["detail"].startswith("HEIC, expected JPEG, PNG")
    assert "train/b/photo.jfif" in table["source"].to_pylist() and summary["other_files"] == 1


def test_what_there_was_to_choose_is_counted(tmp_path):
    """Whichever choice was made."""
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = small(3, "RGBA")
    clear.putalpha(7)
    dark = Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16))
    odd = {
        "train/a/turned.jpg": encoded(photo(70), exif=exif),
        "train/a/clear.png": encoded(clear, "PNG"),
        "train/b/opaque.png": encoded(small(4, "RGBA"), "PNG"),
        "train/b/grey.png": encoded(dark, "PNG"),
    }
    plant(tmp_path, odd)
    chosen = Choices(orientation="exif", transparency="white", grey_bits=12)
    for how in (HOW, dataclasses.replace(HOW, choices=chosen)):
        summary, _, _ = run(tmp_path, how=how)
        assert summary["noticed"] == {
            "16-bit": 1,
            "16-bit, none above 4095": 1,
            "transparent": 1,
            "turned by EXIF": 1,
        }


def test_a_failure_leaves_no_images(tmp_path):
    def records():
        yield Record("a", 0, "all", lambda: png(0))
        raise RuntimeError("the disk is gone")

    source = Source(tmp_path, "broken", ("x",), 2, records)
    with pytest.raises(RuntimeError, match="the disk is gone"):
        prepare(source, HOW, tmp_path / "out", tmp_path / "rejects", workers=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a")])
def test_a_source_whose_names_do_not_ascend_is_an_error(tmp_path, names):
    records = [Record(name, 0, "all", lambda i=i: png(i)) for i, name in enumerate(names)]
    source = Source(tmp_path, "odd", ("x",), 2, lambda: iter(records))
    with pytest.raises(ValueError, match=f"record '{names[1]}' follows '{names[0]}'; names must ascend"):
        prepare(source, HOW, tmp_path / "out", tmp_path / "rejects", workers=1)


def test_unlabelled_images_are_kept_and_counted(tmp_path):
    labels = [0, -1, 1, -1]
    records = [Record(str(i), label, "all", lambda i=i: png(i)) for i, label in enumerate(labels)]
    source = Source(tmp_path, "half", ("x", "y"), 4, lambda: iter(records))
    summary = prepare(source, HOW, tmp_path / "out", tmp_path / "rejects", workers=1)
    assert summary["unlabelled"] == 2 and read_header(tmp_path / "out").counts == (1, 1)
    assert read_column(tmp_path / "out", "label").tolist() == labels


def test_an_unlabelled_copy_is_a_duplicate_and_no_conflict(tmp_path):
    labels = [0, -1, 1, -1]
    records = [Record(str(i), label, "all", lambda i=i: png(i // 2)) for i, label in enumerate(labels)]
    source = Source(tmp_path, "half", ("x", "y"), 4, lambda: iter(records))
    summary = prepare(source, HOW, tmp_path / "out", tmp_path / "rejects", workers=1)
    assert summary["rejected"] == {"duplicate": 2} and summary["unlabelled"] == 0


def test_pillow_errors_of_sources_that_decode_themselves_are_rejects(tmp_path):
    def fail():
        raise OSError("image file is truncated")

    records = [Record("a", 0, "all", fail), Record("b", 0, "all", lambda: small(0))]
    source = Source(tmp_path, "own", ("x",), 2, lambda: iter(records))
    summary = prepare(source, HOW, tmp_path / "out", tmp_path / "rejects", workers=1)
    assert summary["rejected"] == {"corrupt": 1} and summary["images"] == 1


def test_names_that_are_not_utf8_are_written_with_escapes(tmp_path):
    plant(tmp_path, {"train/a/1.png": png(1), "train/b/1.png": png(3), "train/b/2.png": png(4)})
    for name, data in ((b"\xff.png", png(2)), (b"\xfe.png", b""), (b"\xfd.png", png(3))):
        (tmp_path / "train" / "a" / os.fsdecode(name)).write_bytes(data)
    _, table, rejects = run(tmp_path)
    assert table["source"].to_pylist() == ["train/a/1.png", r"train/a/\udcff.png", "train/b/2.png"]
    assert [r["source"] for r in rejects] == [r"train/a/\udcfd.png", r"train/a/\udcfe.png", "train/b/1.png"]


# -- real data -----------------------------------------------------------------------------------------------


def test_tiny_imagenet(tmp_path):
    """10 classes of real photographs, some of them grey, at their own and at half the size."""
    source = image_folder(real_images("tiny-imagenet"), ("train",), Limits(classes=10, per_class=40))
    for resolution in (64, 32):
        how = Preparation(resolution=resolution)
        summary = prepare(source, how, tmp_path / "out", tmp_path / "rejects", workers=2)
        assert summary["records"] == summary["images"] == 400 and summary["rejected"] == {}
        assert 0 < summary["converted"]["L"] < 40 and summary["resized"] == (400 if resolution == 32 else 0)
        header = read_header(tmp_path / "out")
        assert header.counts == (40,) * 10 and header.shape == (resolution, resolution, 3)
        mean = np.concatenate([row[0] for row in iterate_rows(tmp_path / "out")]).mean() / 255
        assert 0.35 < mean < 0.55
