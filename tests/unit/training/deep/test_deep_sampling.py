"""Which images a step sees, and how they are prepared: functions of the step's number."""

import itertools

import numpy as np
import pytest
import torch
from deep_lab import COUNT, SEED, images, loader, shifted, whole

from advtransfer.seeding import stream
from advtransfer.training.deep.distributed import World
from advtransfer.training.deep.preparation import Preparation
from advtransfer.training.deep.randomness import DeviceStreams, Randomness
from advtransfer.training.deep.sampling import Pool, labelled_and_pseudo

FLAT = torch.contiguous_format


def positions(batches, steps, start=0):
    """Positions of the steps from ``start`` on, int64 [steps, B]."""
    return np.stack([batch.index for batch in itertools.islice(batches(start), steps)])


@pytest.mark.parametrize("size", [1, 7, 12, 60, 150])
def test_every_epoch_covers_the_pool_once(size):
    flat = positions(loader(whole(size)), -(-180 // size)).reshape(-1)[:180]
    assert flat.dtype == np.int64
    epochs = flat.reshape(3, COUNT)
    assert (np.sort(epochs, 1) == np.arange(COUNT)).all()
    assert (epochs[0] != epochs[1]).any() and (epochs[0] != np.arange(COUNT)).any()


def test_a_batch_holds_the_images_at_its_positions():
    (x, y), batch = images(), next(loader()(3))
    assert torch.equal(batch.x, x[batch.index]) and torch.equal(batch.y, y[batch.index])


@pytest.mark.parametrize("start", [3, 5, 19])
def test_a_step_does_not_depend_on_the_steps_before(start):
    assert (positions(loader(), 5, start) == positions(loader(), 24)[start : start + 5]).all()


def test_replicas_and_seeds_have_orders_of_their_own():
    keys = [(5, 2), (5, 3), (6, 2), (5, 2)]
    orders = {tuple(positions(loader(randomness=Randomness(*key)), 1)[0]) for key in keys}
    assert len(orders) == 3


def test_pools_of_one_size_are_shuffled_independently():
    pools = [Pool(np.arange(20), 20), Pool(np.arange(20, 40), 20)]
    first, second = np.split(positions(loader(pools), 1)[0], 2)
    assert (first != second - 20).any() and (np.sort(first) == np.sort(second) - 20).all()


def test_processes_share_every_batch_out():
    shared = [positions(loader(world=World(rank, 3)), 8) for rank in range(3)]
    assert [part.shape for part in shared] == [(8, 4)] * 3
    assert (np.sort(np.concatenate(shared, 1), 1) == np.sort(positions(loader(), 8), 1)).all()


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(ValueError, match="a batch of 12 cannot be shared out evenly to 5 processes"):
        loader(world=World(0, 5))


@pytest.mark.parametrize(("ratio", "share"), [(0.25, 3), (0.5, 6), (0.9, 11)])
def test_every_batch_holds_the_ratio_of_labelled_images(ratio, share):
    labelled, pseudo = np.arange(8), np.arange(8, COUNT)
    batches = positions(loader(labelled_and_pseudo(labelled, pseudo, size=12, ratio=ratio)), 26)
    assert ((batches < 8).sum(1) == share).all()
    for pool, members in ((labelled, batches[batches < 8]), (pseudo, batches[batches >= 8])):
        counts = np.bincount(members, minlength=COUNT)[pool]
        assert counts.max() - counts.min() <= 1  # each pool has epochs of its own


@pytest.mark.parametrize("ratio", [0.0, 0.02, 0.98, 1.0])
def test_a_ratio_that_leaves_one_kind_out_is_refused(ratio):
    with pytest.raises(ValueError, match="of batches of 12"):
        labelled_and_pseudo(np.arange(8), np.arange(8, 60), size=12, ratio=ratio)


def test_an_empty_pool_is_refused():
    with pytest.raises(ValueError, match="a pool of 0 images with 3 places"):
        loader([Pool(np.arange(0), 3)])


# -- random numbers ----------------------------------------------------------------------------------------------------


def test_streams_are_those_of_the_project():
    host = stream(5, "replica", 2, "perturbation", 7, 0)
    draws = SEED.streams(torch.device("cpu"), "perturbation", 7, 0)
    assert torch.equal(draws.uniform(4, 3)[0], torch.from_numpy(host.random((4, 3), dtype=np.float32)))


def test_streams_of_a_device_are_functions_of_their_purpose():
    device = torch.device("cpu")  # any torch device draws this way; the class is meant for GPUs

    def draws(*purpose):
        return DeviceStreams((SEED.generator(*purpose),), device)

    one, same, other = draws("a", 1), draws("a", 1), draws("a", 2)
    first = one.normal(1000, 3)
    assert first.shape == (1, 1000, 3) and torch.equal(first, same.normal(1000, 3))
    assert not torch.equal(first, other.normal(1000, 3)) and not torch.equal(first, one.normal(1000, 3))
    assert abs(first.mean()) < 0.1 and abs(first.std() - 1) < 0.1
    uniform = one.uniform(1000)
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.05


def test_modules_draw_from_a_seed_of_the_step():
    def drawn(*purpose):
        SEED.seed_modules(*purpose)
        return torch.rand(3).tolist()

    with torch.random.fork_rng(devices=[]):
        assert drawn(1, 0) == drawn(1, 0)
        assert drawn(1, 0) != drawn(2, 0) != drawn(2, 1)


# -- preparation -------------------------------------------------------------------------------------------------------


def prepared(preparation, rows=slice(None), step=0, part=0, layout=FLAT):
    x, y = images(12)
    index = torch.arange(12) * 2
    return preparation(type("Stored", (), {"x": x, "y": y, "index": index}), rows, SEED, step, part, layout)


def test_pixels_become_numbers_between_0_and_1():
    (x, y), b = images(12), prepared(Preparation())
    torch.testing.assert_close(b.x, x.float() / 255, rtol=0, atol=1e-7)
    assert b.x.max() <= 1 and torch.equal(b.y, y)
    assert b.part == 0
    assert prepared(Preparation(), layout=torch.channels_last).x.is_contiguous(
        memory_format=torch.channels_last
    )


def test_labels_are_looked_up_at_the_images_positions():
    b = prepared(Preparation(targets=torch.arange(100, 130)), rows=slice(1, None, 3))
    assert b.y.tolist() == [102, 108, 114, 120]
    soft = torch.rand(30, 4)
    assert torch.equal(prepared(Preparation(targets=soft)).y, soft[:24:2])


def test_each_step_and_part_has_augmentations_and_draws_of_its_own():
    preparation = Preparation(augment=shifted)
    found = {(s, p): prepared(preparation, step=s, part=p) for s, p in [(0, 0), (0, 1), (1, 0)]}
    again = prepared(preparation, step=0, part=0)
    assert torch.equal(found[0, 0].x, again.x)
    assert torch.equal(found[0, 0].streams.uniform(5), again.streams.uniform(5))
    for other in ((0, 1), (1, 0)):
        assert not torch.equal(found[0, 0].x, found[other].x)
        assert not torch.equal(found[other].streams.uniform(5), prepared(preparation).streams.uniform(5))
