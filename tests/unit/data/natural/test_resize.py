"""Shorter side to the resolution, then the centre, as torchvision does; nothing where the size is right."""

import numpy as np
import pytest
from natural_images import photo
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from advtransfer.data.natural.resize import FILTERS, fit

SIZES = [(40, 48), (48, 40), (41, 30), (30, 41), (100, 33), (20, 20), (9, 70), (32, 33), (32, 37), (37, 32)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("resampling", FILTERS)
def test_same_as_torchvision_on_pillow_images(height, width, resampling):
    image = photo(height, height, width)
    mode = InterpolationMode(resampling)
    expected = v2.Compose([v2.Resize(32, mode), v2.CenterCrop(32)])(image)
    np.testing.assert_array_equal(fit(np.asarray(image), 32, resampling), np.asarray(expected))


def test_an_image_of_the_right_size_is_not_touched():
    pixels = np.asarray(photo(0, 32, 32))
    for resampling in FILTERS:
        assert np.shares_memory(fit(pixels, 32, resampling), pixels)
        np.testing.assert_array_equal(fit(pixels, 32, resampling), pixels)


def test_only_the_centre_is_cut_where_the_shorter_side_is_right():
    pixels = np.asarray(photo(0, 32, 39))
    np.testing.assert_array_equal(fit(pixels, 32, "bicubic"), pixels[:, 4:36])  # 3.5 goes to the even number


def test_box_is_the_mean_of_whole_blocks():
    pixels = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    means = pixels.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(fit(pixels, 32, "box") - means).max() <= 1  # rounded twice: across, then down


def test_shrinking_is_antialiased():
    """Stripes of one pixel become grey; a filter that only looks at its neighbours would leave stripes."""
    stripes = np.zeros((128, 128, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    for resampling in FILTERS:
        shrunk = fit(stripes, 32, resampling)[4:-4, 4:-4]
        assert np.abs(shrunk.astype(int) - 127).max() <= 2
    assert np.ptp(np.asarray(Image.fromarray(stripes).resize((31, 31), Image.Resampling.NEAREST))) == 255
