"""Augmentation against torchvision given the same random numbers, and what is drawn."""

import dataclasses

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from advtransfer.data.natural.augment import Augmentation, Draws, to_unit
from advtransfer.seeding import stream

X = torch.from_numpy(np.random.default_rng(0).integers(256, size=(40, 3, 9, 12), dtype=np.uint8))
PADDING = {"reflect": {"padding_mode": "reflect"}, "zero": {"fill": 0}}


def reference(x, draws, augmentation):
    """One image after the other, by torchvision's pad, crop, flip and erase."""
    images = []
    for i, image in enumerate(x):
        height, width = image.shape[1:]
        y = F.to_dtype(image, torch.float32, scale=True)
        y = F.pad(y, [augmentation.padding] * 4, **PADDING[augmentation.mode])
        y = F.crop(y, int(draws.top[i]), int(draws.left[i]), height, width)
        if augmentation.flip and draws.flipped[i]:
            y = F.horizontal_flip(y)
        if side := augmentation.cutout:
            top, left = int(draws.centre_y[i]) - side // 2, int(draws.centre_x[i]) - side // 2
            i0, j0 = max(0, top), max(0, left)
            i1, j1 = min(height, top + side), min(width, left + side)
            y = F.erase(y, i0, j0, i1 - i0, j1 - j0, torch.tensor(augmentation.fill))
        images.append(y)
    return torch.stack(images)


@pytest.mark.parametrize("mode", ["reflect", "zero"])
@pytest.mark.parametrize("padding", [0, 1, 4, 8])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("cutout", [0, 3, 4, 30])
def test_same_as_torchvision(mode, padding, flip, cutout):
    augmentation = Augmentation(padding=padding, mode=mode, flip=flip, cutout=cutout, fill=0.25)
    draws = augmentation.draw(stream(1), len(X), 9, 12)
    found = augmentation.apply(X, draws)
    assert found.dtype == torch.float32
    assert torch.equal(found, reference(X, draws, augmentation))


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_layout_of_the_input_does_not_matter(layout):
    augmentation = Augmentation()
    found = augmentation(X.contiguous(memory_format=layout), stream(2))
    assert torch.equal(found, augmentation(X, stream(2)))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_without_anything_the_pixels_are_shares_of_255():
    nothing = Augmentation(padding=0, flip=False)
    found = nothing(X, stream(0))
    assert torch.equal(found, to_unit(X)) and torch.equal(found, F.to_dtype(X, torch.float32, scale=True))
    assert found.max() == 1 and X.max() == 255  # and the stored images are left as they are


def test_every_draw_is_as_likely_as_the_others():
    draws = Augmentation(padding=2).draw(stream(3), 50_000, 9, 12)
    for values, kinds in (
        (draws.top, 5),
        (draws.left, 5),
        (draws.flipped, 2),
        (draws.centre_y, 9),
        (draws.centre_x, 12),
    ):
        share = np.bincount(values.astype(int), minlength=kinds) / 50_000
        assert len(share) == kinds and np.abs(share - 1 / kinds).max() < 0.01
    pairs = np.corrcoef([draws.top, draws.left, draws.flipped, draws.centre_y, draws.centre_x])
    assert np.abs(pairs - np.eye(5)).max() < 0.03


def test_switching_one_part_off_changes_no_other():
    full = Augmentation(padding=3, flip=True, cutout=4)
    draws = full.draw(stream(4), 20, 9, 12)
    for change in ({"flip": False}, {"cutout": 0}, {"mode": "zero"}):
        other = dataclasses.replace(full, **change).draw(stream(4), 20, 9, 12)
        for field in dataclasses.fields(Draws):
            np.testing.assert_array_equal(getattr(other, field.name), getattr(draws, field.name))


def test_a_call_depends_on_its_generator_alone():
    augmentation = Augmentation(cutout=4)
    one, same, other = (augmentation(X, stream(*path)) for path in ((5, "a"), (5, "a"), (5, "b")))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_a_padding_that_cannot_be_reflected_is_told():
    with pytest.raises(ValueError, match="padding 9 cannot be reflected in images of 9x12 pixels"):
        Augmentation(padding=9)(X, stream(0))
    assert Augmentation(padding=9, mode="zero")(X, stream(0)).shape == X.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mode", ["reflect", "zero"])
def test_a_gpu_gives_the_same(mode):
    augmentation = Augmentation(mode=mode, cutout=5)
    assert torch.equal(augmentation(X.cuda(), stream(6)).cpu(), augmentation(X, stream(6)))
