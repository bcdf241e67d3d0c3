"""Batches: every epoch covers the pool once, nothing is dropped; and the learning curves' table."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from advtransfer.seeding import Streams
from advtransfer.training.batches import batch_indices, take
from advtransfer.training.curves import write_curves


def pool(size, replica=0):
    """``size`` positions out of 1,000, not in order."""
    return np.random.default_rng([size, replica]).choice(1000, size, replace=False)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
@pytest.mark.parametrize("count", [1, 3, 7, 50, 128])
@pytest.mark.parametrize("steps", [1, 9])
def test_epoch_after_epoch_each_covers_the_pool_once(size, count, steps):
    members = pool(count)
    drawn = batch_indices([members], Streams.of(0, [0], "batches"), steps=steps, size=size)
    assert drawn.shape == (steps, 1, size) and drawn.dtype == torch.int64
    flat = drawn.flatten().numpy()
    for begin in range(0, len(flat), count):
        epoch = flat[begin : begin + count]
        assert len(set(epoch)) == len(epoch) and set(epoch) <= set(members)
    seen = np.bincount(flat, minlength=1000)[members]
    assert seen.max() - seen.min() <= 1  # nobody is dropped in favour of another


def test_epochs_are_shuffled_anew():
    drawn = batch_indices([pool(30)], Streams.of(0, [0], "batches"), steps=2, size=30)[:, 0]
    assert set(drawn[0].tolist()) == set(drawn[1].tolist()) and not torch.equal(drawn[0], drawn[1])


def test_pools_of_different_size_share_a_job():
    pools = [pool(count, replica) for replica, count in enumerate((5, 90, 33))]
    drawn = batch_indices(pools, Streams.of(0, [4, 2, 9], "batches"), steps=20, size=16)
    for replica, (name, members) in enumerate(zip((4, 2, 9), pools, strict=True)):
        seen = np.bincount(drawn[:, replica].flatten(), minlength=1000)
        assert seen.sum() == seen[members].sum() and seen[members].max() - seen[members].min() <= 1
        alone = batch_indices([members], Streams.of(0, [name], "batches"), steps=20, size=16)
        assert torch.equal(alone[:, 0], drawn[:, replica])


def test_more_steps_only_append():
    few, many = (
        batch_indices([pool(40)], Streams.of(0, [0], "batches"), steps=steps, size=16) for steps in (10, 30)
    )
    assert torch.equal(many[:10], few)


def test_every_replica_needs_a_stream():
    with pytest.raises(ValueError, match="zip"):
        batch_indices([pool(4), pool(4)], Streams.of(0, [0], "batches"), steps=1, size=2)


def test_take_picks_rows_of_each_replica():
    x = torch.arange(2 * 4 * 3).view(2, 4, 3)
    indices = torch.tensor([[3, 0, 3], [1, 1, 2]])
    expected = torch.stack([x[0][[3, 0, 3]], x[1][[1, 1, 2]]])
    assert torch.equal(take(x, indices), expected)
    assert torch.equal(take(x[..., 0], indices), expected[..., 0])
    assert torch.equal(take(x[:1].expand(2, -1, -1), indices)[1], x[0][[1, 1, 2]])


def test_curves_are_one_row_a_step_and_replica(tmp_path):
    curves = {"loss": torch.rand(3, 2), "accuracy": torch.rand(3, 2)}
    write_curves(tmp_path / "curves", curves, [5, 8])
    table = pq.read_table(tmp_path / "curves").to_pandas()
    assert list(table.columns) == ["step", "replica", "accuracy", "loss"]
    assert table["loss"].dtype == np.float32 and len(table) == 6
    for row in table.itertuples():
        column = [5, 8].index(row.replica)
        assert row.loss == curves["loss"][row.step, column].item()
        assert row.accuracy == curves["accuracy"][row.step, column].item()
