"""Encoded images to RGB: every format and mode, what is refused and why, and that both decoders agree."""

import io
import struct

import numpy as np
import pytest
from natural_images import encoded, photo, real_images
from PIL import Image

from advtransfer.data.natural import decode as module
from advtransfer.data.natural.decode import RejectedError, decode, jpeg_header

SIXTEEN = Image.fromarray(np.arange(40 * 48, dtype=np.uint16).reshape(40, 48) * 34)
JPEG = encoded(photo(1), quality=90)
PNG = encoded(photo(1), "PNG")


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def refusal(data, modes="convert", **options):
    with pytest.raises(RejectedError) as error:
        decode(data, modes=modes, **options)
    assert "\n" not in error.value.detail
    return error.value.reason


LOSSLESS = {
    "jpeg": (encoded(photo(2)), "RGB"),
    "jpeg progressive": (encoded(photo(2), progressive=True), "RGB"),
    "jpeg 4:4:4": (encoded(photo(2), subsampling=0), "RGB"),
    "jpeg grey": (encoded(photo(2, mode="L")), "L"),
    "png": (encoded(photo(2), "PNG"), "RGB"),
    "png grey": (encoded(photo(2, mode="L"), "PNG"), "L"),
    "png bilevel": (encoded(photo(2, mode="1"), "PNG"), "1"),
    "png palette": (encoded(photo(2, mode="P"), "PNG"), "P"),
    "webp": (encoded(photo(2), "WEBP"), "RGB"),
    "bmp": (encoded(photo(2), "BMP"), "RGB"),
    "ppm": (encoded(photo(2), "PPM"), "RGB"),
    "tiff": (encoded(photo(2), "TIFF"), "RGB"),
}
LOSSY = {
    "jpeg cmyk": (encoded(photo(2, mode="CMYK")), "CMYK"),
    "png transparent": (encoded(photo(2, mode="RGBA"), "PNG"), "RGBA"),
    "png grey transparent": (encoded(photo(2, mode="LA"), "PNG"), "LA"),
    "png palette transparent": (encoded(photo(2, mode="P"), "PNG", transparency=3), "P"),
    "png 16 bits": (encoded(SIXTEEN, "PNG"), "I;16"),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_what_loses_nothing_is_converted_whatever_the_policy(name):
    data, mode = LOSSLESS[name]
    for modes in ("convert", "reject"):
        decoded = decode(data, modes=modes)
        assert decoded.mode == mode and decoded.pixels.dtype == np.uint8
        np.testing.assert_array_equal(decoded.pixels, by_pillow(data))


@pytest.mark.parametrize("name", LOSSY)
def test_what_loses_something_is_converted_or_refused(name):
    data, mode = LOSSY[name]
    decoded = decode(data, modes="convert")
    assert decoded.mode == mode and decoded.pixels.shape == (40, 48, 3)
    if mode != "I;16":
        np.testing.assert_array_equal(decoded.pixels, by_pillow(data))
    assert refusal(data, "reject") == "mode"


def test_sixteen_bits_keep_the_high_byte():
    pixels = decode(encoded(SIXTEEN, "PNG"), modes="convert").pixels
    np.testing.assert_array_equal(pixels[:, :, 0], np.asarray(SIXTEEN) >> 8)
    np.testing.assert_array_equal(pixels[:, :, 0], pixels[:, :, 2])


def test_numbers_without_a_known_range_are_refused_always():
    for kind in (np.int32, np.float32):
        data = encoded(Image.fromarray(np.zeros((4, 4), dtype=kind)), "TIFF")
        assert refusal(data) == "mode"


def test_a_pillow_image_is_taken_as_it_is():
    for mode in ("RGB", "L"):
        image = photo(3, mode=mode)
        decoded = decode(image, modes="reject")
        assert decoded.mode == mode
        np.testing.assert_array_equal(decoded.pixels, np.asarray(image.convert("RGB")))
    assert refusal(photo(3, mode="CMYK"), "reject") == "mode"


def test_the_first_frame_is_taken():
    data = encoded(photo(4), "GIF", save_all=True, append_images=[photo(5)])
    np.testing.assert_array_equal(decode(data, modes="reject").pixels, by_pillow(data))


def test_the_stored_orientation_is_kept():
    exif = Image.Exif()
    exif[274] = 6  # "turn me by a quarter"
    data = encoded(photo(6), exif=exif)
    np.testing.assert_array_equal(decode(data, modes="convert").pixels, by_pillow(data))


# -- what is no image ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>404</html>", "corrupt"),
        (JPEG[:20], "corrupt"),
        (JPEG[: len(JPEG) // 2], "corrupt"),
        (JPEG[:-2], "corrupt"),
        (JPEG[:2] + b"\0" * 100, "corrupt"),
        (PNG[: len(PNG) // 2], "corrupt"),
        (PNG[:60] + bytes(40) + PNG[100:], "corrupt"),  # torchvision's own PNG decoder dies of such data
        (encoded(photo(1), "BMP")[:500], "corrupt"),
        (encoded(photo(1), "WEBP")[:100], "corrupt"),
        (encoded(photo(1), "PCX"), "corrupt"),  # a format that is not among the known ones
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "corrupt"),  # Pillow would start Ghostscript
    ],
)
def test_damaged_data_is_refused(data, reason):
    assert refusal(data) == reason


def test_a_header_that_claims_a_huge_image_is_refused_before_decoding():
    at = JPEG.index(b"\xff\xc0")
    huge = JPEG[: at + 5] + struct.pack(">HH", 60000, 60000) + JPEG[at + 9 :]
    assert refusal(huge) == "too-large"
    assert refusal(JPEG, max_pixels=40 * 48 - 1) == "too-large"
    assert refusal(PNG, max_pixels=40 * 48 - 1) == "too-large"
    assert refusal(photo(1), max_pixels=40 * 48 - 1) == "too-large"
    assert decode(JPEG, modes="convert", max_pixels=40 * 48).mode == "RGB"
    header = PNG[:16] + struct.pack(">II", 60000, 60000) + PNG[24:]
    assert refusal(header) in ("too-large", "corrupt")  # the checksum of the header is wrong now


# -- the two decoders ----------------------------------------------------------------------------------------


def test_the_header_of_a_jpeg_is_read_past_other_segments():
    exif = Image.Exif()
    exif[270] = "x" * 3000
    for mode, channels in (("RGB", 3), ("L", 1), ("CMYK", 4)):
        for options in ({}, {"progressive": True}, {"exif": exif}):
            found = jpeg_header(encoded(photo(7, 17, 23, mode), **options))
            assert (found.width, found.height, found.bits, found.channels) == (23, 17, 8, channels)
    for fill in (b"\xff", b"\xff\xff"):
        assert jpeg_header(JPEG[:2] + fill + JPEG[2:]).width == 48
    for other in (PNG, b"", JPEG[:30], b"\xff\xd8" * 50):
        assert jpeg_header(other) is None


def test_without_torchvisions_operator_the_pixels_are_the_same(monkeypatch):
    fast = [decode(data, modes="convert").pixels for data, _ in LOSSLESS.values()]
    calls = []
    monkeypatch.setattr(module, "_jpeg_operator", lambda: calls.append(1))
    for pixels, (data, _) in zip(fast, LOSSLESS.values(), strict=True):
        np.testing.assert_array_equal(decode(data, modes="convert").pixels, pixels)
    assert len(calls) == 4  # the four JPEGs would have gone through it
    assert refusal(JPEG[:-2]) == refusal(JPEG[: len(JPEG) // 2]) == "corrupt"


def test_both_decoders_give_the_same_pixels_for_real_photographs(monkeypatch):
    files = sorted(real_images("tiny-imagenet").rglob("*.JPEG"))[::800]
    fast = [decode(path.read_bytes(), modes="reject") for path in files]
    monkeypatch.setattr(module, "_jpeg_operator", lambda: None)
    for path, found in zip(files, fast, strict=True):
        slow = decode(path.read_bytes(), modes="reject")
        assert found.mode == slow.mode
        np.testing.assert_array_equal(found.pixels, slow.pixels)
