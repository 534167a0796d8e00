"""Every mode becomes what a person sees, pixel by pixel, or is refused by its name."""

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from hpsearch.datasets.picture_files import MAX_PIXELS, UnreadablePictureError, decode_picture

RAMP = np.array([[0, 1, 100], [128, 200, 255]], np.uint8)
RGB = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)


def _encode(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _decode(image: Image.Image, format: str = "PNG", **options: Any) -> np.ndarray:
    return decode_picture(io.BytesIO(_encode(image, format, **options))).pixels


def _grey(values: Any) -> np.ndarray:
    return np.repeat(np.asarray(values, np.uint8)[..., np.newaxis], 3, axis=2)


def _png(width: int, height: int, n_bits: int, kind: int, rows: bytes) -> bytes:
    """A PNG file with a header of one's own choice."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, n_bits, kind, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def test_grey_and_colours_stay_what_they_are() -> None:
    np.testing.assert_array_equal(_decode(Image.fromarray(RAMP)), _grey(RAMP))
    for format in ("PNG", "BMP", "TIFF", "PPM", "WEBP"):
        options = {"lossless": True} if format == "WEBP" else {}
        np.testing.assert_array_equal(_decode(Image.fromarray(RGB), format, **options), RGB)


def test_one_bit_is_black_and_white() -> None:
    image = Image.fromarray(RAMP > 99)
    assert image.mode == "1"
    np.testing.assert_array_equal(_decode(image), _grey((RAMP > 99) * 255))


def test_a_palette_is_looked_up() -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 128, 0, 7, 8, 9])
    colours = np.array([[255, 0, 0], [0, 128, 0], [7, 8, 9]], np.uint8)
    np.testing.assert_array_equal(_decode(image), colours[[[0, 1], [2, 1]]])
    transparent = _decode(image, transparency=1)
    np.testing.assert_array_equal(transparent[0, 1], [255, 255, 255])
    np.testing.assert_array_equal(transparent[0, 0], [255, 0, 0])
    np.testing.assert_array_equal(_decode(image, "GIF", transparency=1), transparent)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pictures_are_composited_on_white_without_hidden_colours(mode: str) -> None:
    alpha = np.array([[0, 0, 255, 255], [0, 51, 102, 204]], np.uint8)
    value = np.array([[0, 77, 0, 77], [255, 100, 100, 0]], np.uint8)
    bands = [value] * (len(mode) - 1) + [alpha]
    image = Image.merge(mode, [Image.fromarray(band) for band in bands])
    expected = value + (255 - value.astype(float)) * (1 - alpha / 255)
    found = _decode(image)
    np.testing.assert_allclose(found, _grey(np.rint(expected)), atol=1)
    assert (found[alpha == 0] == 255).all()
    np.testing.assert_array_equal(found[alpha == 255], _grey(value)[alpha == 255])


def test_premultiplied_and_palette_alpha_are_composited_on_white_too() -> None:
    plain = Image.fromarray(np.dstack([RGB, np.full((4, 5), 255, np.uint8)]), "RGBA")
    np.testing.assert_array_equal(_decode(plain.convert("RGBa").convert("RGBA")), RGB)
    image = Image.fromarray(RAMP).convert("PA")
    image.putalpha(Image.fromarray((RAMP > 99).astype(np.uint8) * 255))
    np.testing.assert_array_equal(_decode(image, "TIFF"), _grey(np.where(RAMP > 99, RAMP, 255)))


@pytest.mark.parametrize(("mode", "transparent"), [("L", 100), ("RGB", (100, 100, 100))])
def test_a_colour_declared_transparent_is_white(mode: str, transparent: Any) -> None:
    image = Image.fromarray(RAMP).convert(mode)
    expected = _grey(np.where(RAMP == 100, 255, RAMP))
    np.testing.assert_array_equal(_decode(image, transparency=transparent), expected)


WIDE = np.array([[0, 257, 25700], [32896, 60000, 65535]], np.uint16)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_by_their_range(format: str) -> None:
    """A dim picture stays dim beside a bright one."""
    expected = _grey(np.rint(WIDE / 257))
    np.testing.assert_array_equal(_decode(Image.fromarray(WIDE), format), expected)
    np.testing.assert_array_equal(
        _decode(Image.fromarray(WIDE // 257), format), _grey(WIDE > 33000)
    )


def test_sixteen_bits_with_a_value_declared_transparent() -> None:
    found = _decode(Image.fromarray(WIDE), transparency=257)
    np.testing.assert_array_equal(found[0], _grey([[0, 255, 100]])[0])


def test_the_other_byte_order_is_the_same_picture() -> None:
    big = Image.frombytes("I;16B", (3, 2), WIDE.astype(">u2").tobytes())
    assert big.mode == "I;16B"
    np.testing.assert_array_equal(_decode(big, "TIFF"), _grey(np.rint(WIDE / 257)))


def test_colours_of_sixteen_bits_keep_their_upper_eight() -> None:
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in RGB)
    np.testing.assert_array_equal(decode_picture(io.BytesIO(_png(5, 4, 16, 2, rows))).pixels, RGB)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 100], [200, 255]], [[0, 100], [200, 255]]),
        ([[0, 257], [25700, 65535]], [[0, 1], [100, 255]]),
        ([[-100, 0], [100, 155]], [[0, 100], [200, 255]]),
        ([[10**9, 10**9 + 100], [10**9 + 200, 10**9 + 255]], [[0, 100], [200, 255]]),
        ([[70000, 70000]], [[0, 0]]),
    ],
)
def test_integers_of_32_bits(values: Any, expected: Any) -> None:
    image = Image.fromarray(np.array(values, np.int32))
    assert image.mode == "I"
    np.testing.assert_array_equal(_decode(image, "TIFF"), _grey(expected))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.2], [0.5, 0.6]], [[0, 51], [128, 153]]),
        ([[0.0, 51.0], [127.6, 153.0]], [[0, 51], [128, 153]]),
        ([[-1.0, 0.0], [1.0, 4.0]], [[0, 51], [102, 255]]),
        ([[3e5, 3e5], [4e5, 4e5]], [[0, 0], [255, 255]]),
    ],
)
def test_floats(values: Any, expected: Any) -> None:
    image = Image.fromarray(np.array(values, np.float32))
    assert image.mode == "F"
    np.testing.assert_array_equal(_decode(image, "TIFF"), _grey(expected))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_floats_that_are_not_finite_are_refused(wrong: float) -> None:
    image = Image.fromarray(np.array([[0, wrong]], np.float32))
    with pytest.raises(UnreadablePictureError, match="no finite numbers"):
        _decode(image, "TIFF")


@pytest.mark.parametrize(
    ("mode", "format", "colour", "expected"),
    [
        ("CMYK", "TIFF", (0, 255, 255, 0), (255, 0, 0)),
        ("CMYK", "TIFF", (0, 0, 0, 255), (0, 0, 0)),
        ("CMYK", "JPEG", (0, 255, 255, 0), (255, 0, 0)),
        ("YCbCr", "TIFF", (76, 85, 255), (254, 0, 0)),
        ("YCbCr", "JPEG", (200, 128, 128), (200, 200, 200)),
        ("LAB", "TIFF", (0, 128, 128), (0, 0, 0)),
        ("LAB", "TIFF", (255, 128, 128), (255, 255, 255)),
        ("LAB", "TIFF", (113, 192, 158), (200, 30, 60)),
    ],
)
def test_other_colour_spaces(mode: str, format: str, colour: Any, expected: Any) -> None:
    pixels = _decode(Image.new(mode, (8, 8), colour), format)
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, (8, 8, 3)), atol=2)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_upright(format: str) -> None:
    """A camera that was held on its side says so in the file."""
    image = Image.fromarray(np.repeat(np.repeat(RAMP, 16, 0), 16, 1))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # rotate by 90 degrees, clockwise
    options = (
        {"lossless": True} if format == "WEBP" else {"quality": 100} if format == "JPEG" else {}
    )
    expected = np.rot90(np.asarray(image.convert("RGB")), -1)
    np.testing.assert_allclose(_decode(image, format, exif=exif, **options), expected, atol=6)


@pytest.mark.parametrize("format", ["GIF", "PNG", "TIFF", "WEBP"])
def test_of_several_frames_the_first_is_taken_and_that_is_known(format: str) -> None:
    frames = [Image.fromarray(np.full((4, 4), shade, np.uint8)) for shade in (0, 120, 255)]
    content = _encode(frames[0], format, save_all=True, append_images=frames[1:])
    picture = decode_picture(io.BytesIO(content))
    assert picture.has_more_frames
    assert not picture.pixels.any()
    assert not decode_picture(io.BytesIO(_encode(frames[0], format))).has_more_frames


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"woof",
        _encode(Image.fromarray(RGB), "PNG")[:60],
        _encode(Image.fromarray(RGB), "TIFF")[:40],
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
    ],
)
def test_what_is_no_picture_is_refused_without_addresses_in_memory(content: bytes) -> None:
    with pytest.raises(UnreadablePictureError) as caught:
        decode_picture(io.BytesIO(content))
    assert "0x" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mode_that_cannot_be_shown_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.datasets.picture_files._COLOUR_MODES", ("L",))
    with pytest.raises(UnreadablePictureError, match="its mode RGB cannot be shown"):
        _decode(Image.fromarray(RGB))


# Small files whose pixels would take up to 1 GB.
HUGE = """
import io, resource, sys
from hpsearch.datasets.picture_files import UnreadablePictureError, decode_picture
from PIL import Image
Image.init()
content = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_picture(io.BytesIO(content))
except UnreadablePictureError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("side", "words"), [(8193, "8193 x 8193 pixels"), (12000, "12000 x"), (19000, "more than 67,1")]
)
def test_too_many_pixels_are_refused_before_they_are_decoded(side: int, words: str) -> None:
    assert side * side > MAX_PIXELS
    content = _png(side, side, 1, 0, bytes(side * (1 + (side + 7) // 8)))
    assert len(content) < 60_000
    done = subprocess.run(
        [sys.executable, "-c", HUGE], input=content, capture_output=True, check=True
    )
    message, n_kilobytes = done.stdout.decode().splitlines()
    assert words in message
    assert int(n_kilobytes) < 8_000
    assert not done.stderr
