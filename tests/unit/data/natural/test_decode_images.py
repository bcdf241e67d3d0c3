"""Encoded images to RGB: every format and mode, what is refused and why, and that both decoders agree."""

import io
import struct
import zlib

import numpy as np
import pytest
from natural_images import encoded, photo, real_images
from PIL import Image, ImageOps

from advtransfer.data.natural import decode as module
from advtransfer.data.natural.decode import Choices, RejectedError, decode, jpeg_header

SIXTEEN = Image.fromarray(np.arange(40 * 48, dtype=np.uint16).reshape(40, 48) * 34)
JPEG = encoded(photo(1), quality=90)
PNG = encoded(photo(1), "PNG")


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def refusal(data, modes="convert", **options):
    with pytest.raises(RejectedError) as error:
        decode(data, Choices(modes=modes, **options))
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
        decoded = decode(data, Choices(modes=modes))
        assert decoded.mode == mode and decoded.pixels.dtype == np.uint8
        np.testing.assert_array_equal(decoded.pixels, by_pillow(data))


@pytest.mark.parametrize("name", LOSSY)
def test_what_loses_something_is_converted_or_refused(name):
    data, mode = LOSSY[name]
    decoded = decode(data, Choices(modes="convert"))
    assert decoded.mode == mode and decoded.pixels.shape == (40, 48, 3)
    if mode != "I;16":
        np.testing.assert_array_equal(decoded.pixels, by_pillow(data))
    assert refusal(data, "reject") == "mode"


def test_sixteen_bits_keep_the_high_byte():
    pixels = decode(encoded(SIXTEEN, "PNG"), Choices(modes="convert")).pixels
    np.testing.assert_array_equal(pixels[:, :, 0], np.asarray(SIXTEEN) >> 8)
    np.testing.assert_array_equal(pixels[:, :, 0], pixels[:, :, 2])


def test_numbers_without_a_known_range_are_refused_always():
    for kind in (np.int32, np.float32):
        data = encoded(Image.fromarray(np.zeros((4, 4), dtype=kind)), "TIFF")
        assert refusal(data) == "mode"


def test_a_pillow_image_is_taken_as_it_is():
    for mode in ("RGB", "L"):
        image = photo(3, mode=mode)
        decoded = decode(image, Choices(modes="reject"))
        assert decoded.mode == mode
        np.testing.assert_array_equal(decoded.pixels, np.asarray(image.convert("RGB")))
    assert refusal(photo(3, mode="CMYK"), "reject") == "mode"


def test_the_first_frame_is_taken():
    data = encoded(photo(4), "GIF", save_all=True, append_images=[photo(5)])
    np.testing.assert_array_equal(decode(data, Choices(modes="reject")).pixels, by_pillow(data))


def test_the_stored_orientation_is_kept():
    exif = Image.Exif()
    exif[274] = 6  # "turn me by a quarter"
    data = encoded(photo(6), exif=exif)
    np.testing.assert_array_equal(decode(data, Choices(modes="convert")).pixels, by_pillow(data))


# -- what there is to choose ---------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "JPEG by Pillow", "PNG", "WEBP", "TIFF"])
def test_images_are_turned_as_their_exif_says_where_that_is_asked_for(kind, orientation, monkeypatch):
    """Pillow turns TIFFs by itself."""
    if kind == "JPEG by Pillow":
        monkeypatch.setattr(module, "_jpeg_operator", lambda: None)
    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(photo(6), kind.split()[0], exif=exif)
    turned = decode(data, Choices(orientation="exif"))
    np.testing.assert_array_equal(
        turned.pixels, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    )
    stored = decode(data, Choices())
    told = (module.TURNED,) if orientation > 1 and kind != "TIFF" else ()
    assert stored.noticed == turned.noticed == told
    if kind != "TIFF":
        assert stored.pixels.shape == (40, 48, 3)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_is_found_among_other_tags_in_both_byte_orders(order):
    tags = [(270, 2, 4, b"cat\0"), (274, 3, 1, struct.pack(f"{order}HH", 8, 0)), (296, 3, 1, bytes(4))]
    ifd = b"".join(struct.pack(f"{order}HHI", *tag[:3]) + tag[3] for tag in tags)
    tiff = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags)) + ifd + bytes(4)
    segment = b"Exif\0\0" + tiff
    data = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + JPEG[2:]
    assert jpeg_header(data).orientation == 8
    for cut in range(len(segment)):  # a damaged segment is no reason to leave the image out
        damaged = segment[:cut] + bytes(len(segment) - cut)
        data = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + damaged + JPEG[2:]
        assert decode(data, Choices(orientation="exif")).pixels.shape in ((40, 48, 3), (48, 40, 3))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_grey_of_fewer_bits_fills_the_range_where_that_is_asked_for(bits):
    values = np.linspace(0, 2**bits - 1, 40 * 48).astype(np.uint16).reshape(40, 48)
    data = encoded(Image.fromarray(values), "PNG")
    found = decode(data, Choices(grey_bits=bits))
    assert found.pixels.min() == 0 and found.pixels.max() == 255
    np.testing.assert_array_equal(found.pixels[..., 0], values >> (bits - 8))
    assert found.noticed == ((module.DEEP, module.DARK) if bits <= 12 else (module.DEEP,))
    if bits == 12:
        assert decode(data, Choices()).pixels.max() == 15, "nearly black"
        with pytest.raises(
            RejectedError, match=r"16-bit grey up to 4095, expected below 2048 \(grey_bits: 11\)"
        ):
            decode(data, Choices(grey_bits=11))


def test_colours_of_sixteen_bits_are_told_and_refused_where_that_is_asked_for():
    """Pillow calls them RGB."""
    rows = b"".join(b"\0" + struct.pack(">3H", 4000, 256, 65535) * 4 for _ in range(4))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    data = PNG[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    found = decode(data, Choices())
    assert (found.mode, found.noticed) == ("RGB;16", (module.DEEP,))
    assert found.pixels[0, 0].tolist() == [15, 1, 255]
    assert refusal(data, "reject") == "mode"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_show_what_is_asked_for(mode):
    image = Image.new("RGBA", (8, 8), (90, 90, 90, 255))
    image.paste((10, 10, 10, 0), (0, 0, 4, 8))
    data = encoded(image.convert("LA") if mode == "LA" else image.quantize() if mode == "P" else image, "PNG")
    for choice, left in {"ignore": (10, 10, 10), "white": (255,) * 3, "black": (0, 0, 0)}.items():
        found = decode(data, Choices(transparency=choice))
        assert found.noticed == (module.TRANSPARENT,)
        assert tuple(found.pixels[0, 7]) == (90, 90, 90)
        if (mode, choice) != (
            "P",
            "ignore",
        ):  # what lies under a transparent colour of a palette is nobody's choice
            assert tuple(found.pixels[0, 0]) == left


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
    assert decode(JPEG, Choices(max_pixels=40 * 48)).mode == "RGB"
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
    fast = [decode(data, Choices(modes="convert")).pixels for data, _ in LOSSLESS.values()]
    calls = []
    monkeypatch.setattr(module, "_jpeg_operator", lambda: calls.append(1))
    for pixels, (data, _) in zip(fast, LOSSLESS.values(), strict=True):
        np.testing.assert_array_equal(decode(data, Choices(modes="convert")).pixels, pixels)
    assert len(calls) == 4  # the four JPEGs would have gone through it
    assert refusal(JPEG[:-2]) == refusal(JPEG[: len(JPEG) // 2]) == "corrupt"


def test_both_decoders_give_the_same_pixels_for_real_photographs(monkeypatch):
    files = sorted(real_images("tiny-imagenet").rglob("*.JPEG"))[::800]
    fast = [decode(path.read_bytes(), Choices(modes="reject")) for path in files]
    monkeypatch.setattr(module, "_jpeg_operator", lambda: None)
    for path, found in zip(files, fast, strict=True):
        slow = decode(path.read_bytes(), Choices(modes="reject"))
        assert found.mode == slow.mode
        np.testing.assert_array_equal(found.pixels, slow.pixels)
