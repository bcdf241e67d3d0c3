"""Batches of prepared images: right pixels, the same from memory and streamed, resumed, by any threads."""

from functools import partial

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from natural_images import prepared

from advtransfer.data.natural.memory import MemoryImages
from advtransfer.data.natural.prepared import PixelReader
from advtransfer.data.natural.streaming import StreamedImages, open_images
from advtransfer.seeding import stream

CPU = torch.device("cpu")
COUNT = 37
RNG = partial(stream, 0, "order")
SIZE = 16 * 16 * 3


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """74 images in row groups of 5, so that batches, windows and row groups do not fit each other."""
    return prepared(tmp_path_factory.mktemp("set"), count=COUNT, row_group_bytes=5 * (SIZE + 256))


def opened(path, kind, buffer_images=20, workers=2):
    limit = 0 if kind == "streamed" else 10**9
    return open_images(path, CPU, memory_bytes=limit, buffer_images=buffer_images, workers=workers)


def truth(path):
    table = pq.read_table(path)
    flat = np.frombuffer(b"".join(table["image"].to_pylist()), dtype=np.uint8)
    return flat.reshape(-1, 16, 16, 3).transpose(0, 3, 1, 2), table["label"].to_numpy()


def steps(images, count=12, size=8, start=0, rows=None):
    rows = np.arange(len(images)) if rows is None else rows
    return list(images.shuffled(rows, size=size, steps=count, rng_of_epoch=RNG, start=start))


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.index, b.index) and torch.equal(a.x, b.x) and torch.equal(a.y, b.y)


both = pytest.mark.parametrize("kind", ["memory", "streamed"])


@both
def test_what_is_known_of_the_whole(path, kind):
    images = opened(path, kind)
    assert isinstance(images, StreamedImages if kind == "streamed" else MemoryImages)
    assert len(images) == 74 and images.shape == (3, 16, 16) and images.class_names == ("cat", "dog")
    assert images.labels.dtype == np.int64 and images.labels.tolist() == [0] * 37 + [1] * 37


@both
def test_a_batch_holds_the_images_at_its_positions(path, kind):
    images, (pixels, labels) = opened(path, kind), truth(path)
    for batch in steps(images):
        assert batch.x.shape == (8, 3, 16, 16) and batch.x.dtype == torch.uint8
        assert batch.y.dtype == batch.index.dtype == torch.int64
        assert batch.x.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(batch.x, pixels[batch.index.numpy()])
        np.testing.assert_array_equal(batch.y, labels[batch.index.numpy()])


@both
def test_an_epoch_visits_every_image_once_and_batches_straddle_epochs(path, kind):
    order = torch.cat([batch.index for batch in steps(opened(path, kind), count=20, size=7)])
    assert len(order) == 140
    for epoch in (order[:74], order[74:]):
        assert len(epoch.unique()) == len(epoch)
    assert sorted(order[:74].tolist()) == list(range(74)) and not torch.equal(order[:66], order[74:])


@both
def test_training_goes_on_from_any_step(path, kind):
    images = opened(path, kind)
    everything = steps(images, count=30)
    for start in (0, 1, 9, 10, 23, 29, 30, 31):
        assert_same(steps(images, count=30, start=start), everything[start:])


@both
def test_a_batch_larger_than_everything_repeats_epochs(path, kind):
    (batch,) = steps(opened(path, kind), count=1, size=200)
    assert (
        torch.bincount(batch.index).tolist()
        == np.bincount(batch.index[148:], minlength=74).__add__(2).tolist()
    )


@both
def test_only_the_given_rows_are_visited(path, kind):
    rows = np.array([70, 3, 4, 41, 12, 66], dtype=np.int32)
    images, (pixels, _) = opened(path, kind, buffer_images=3), truth(path)
    for batch in steps(images, count=6, size=3, rows=rows):
        assert set(batch.index.tolist()) <= set(rows.tolist()) and batch.index.dtype == torch.int64
        np.testing.assert_array_equal(batch.x, pixels[batch.index.numpy()])
    with pytest.raises(ValueError, match="no images to draw batches from"):
        steps(images, rows=rows[:0])


@pytest.mark.parametrize("buffer_images", [1, 20, 1000])
def test_memory_and_stream_give_the_same_batches(path, buffer_images):
    held, streamed = (opened(path, kind, buffer_images) for kind in ("memory", "streamed"))
    assert_same(steps(held, count=25), steps(streamed, count=25))
    rows = np.arange(1, 74, 3)
    assert_same(steps(held, rows=rows), steps(streamed, rows=rows))
    assert_same(list(held.ordered(rows, size=7)), list(streamed.ordered(rows, size=7)))


def test_the_number_of_readers_changes_nothing(path):
    assert_same(steps(opened(path, "streamed", workers=1)), steps(opened(path, "streamed", workers=5)))


def test_the_order_is_that_of_its_epochs_generator(path):
    images = opened(path, "memory", buffer_images=None)
    first = torch.cat([batch.index for batch in steps(images, count=2, size=74)])
    expected = [stream(0, "order", epoch).permutation(74) for epoch in range(2)]
    assert first.tolist() == np.concatenate(expected).tolist()


@both
def test_ordered_visits_the_rows_as_given(path, kind):
    images, (pixels, labels) = opened(path, kind), truth(path)
    rows = np.array([70, 3, 3, 41, 0, 73, 12])
    batches = list(images.ordered(rows, size=3))
    assert [batch.index.tolist() for batch in batches] == [[70, 3, 3], [41, 0, 73], [12]]
    for batch in batches:
        np.testing.assert_array_equal(batch.x, pixels[batch.index.numpy()])
        np.testing.assert_array_equal(batch.y, labels[batch.index.numpy()])
    np.testing.assert_array_equal(images.batch(rows), pixels[rows])
    assert list(images.ordered(rows[:0], size=3)) == []


def test_in_memory_the_pixels_are_one_tensor(path):
    images, (pixels, _) = opened(path, "memory"), truth(path)
    assert images.pixels.shape == (74, 3, 16, 16) and images.pixels.data_ptr() == images.stored.data_ptr()
    np.testing.assert_array_equal(images.pixels, pixels)


# -- reading ahead -------------------------------------------------------------------------------------------


def test_only_what_is_needed_is_read(path, monkeypatch, leaving):
    read = []
    original = PixelReader.read
    monkeypatch.setattr(PixelReader, "read", lambda self, group: read.append(group) or original(self, group))
    images = opened(path, "streamed", buffer_images=10)
    list(images.ordered(np.array([0, 1, 6, 70]), size=2))
    assert sorted(read) == [0, 1, 14]
    read.clear()

    def slow(self, group):
        if len(read) > 1:
            leaving.wait()
        read.append(group)
        return original(self, group)

    monkeypatch.setattr(PixelReader, "read", slow)
    images = opened(path, "streamed", buffer_images=10, workers=1)
    batches = images.shuffled(np.arange(74), size=5, steps=14, rng_of_epoch=RNG)
    next(batches)
    batches.close()
    assert len(read) <= 3  # windows of two row groups: the first, and what was under way of the second


def test_a_reading_error_reaches_the_loop(path, monkeypatch):
    def fail(self, group):
        raise OSError("the disk is gone")

    monkeypatch.setattr(PixelReader, "read", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        steps(opened(path, "streamed"))


def test_large_files_are_streamed_by_default(path):
    assert isinstance(open_images(path, CPU), MemoryImages)
    streamed = open_images(path, CPU, memory_bytes=74 * SIZE - 1)
    assert isinstance(streamed, StreamedImages) and streamed.buffer_images == 2**29 // SIZE
    assert isinstance(open_images(path, CPU, memory_bytes=74 * SIZE), MemoryImages)
