"""Integer products of pixels."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite.binding import get_host_cpu_features
from numpy.typing import NDArray

from hpsearch.foundations.hashing import hash_arrays
from hpsearch.trainers.two_layer_net.products.integer_tiles import BYTES, TALL
from hpsearch.trainers.two_layer_net.products.layout import Blocks, Panels
from hpsearch.trainers.two_layer_net.products.pixels import (
    PackedPixels,
    multiply_pixels,
    multiply_pixels_transposed,
)
from hpsearch.trainers.two_layer_net.products.rounding import Rounded
from hpsearch.trainers.two_layer_net.products.vectors import LANES
from tests.trainers.two_layer_net.ordered import print_without_avx512

Float32 = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# All remainders of rows, and pixels in one block and in several, whole groups or not.
SIZES = {
    "n": st.integers(1, 2 * TALL + 1),
    "n_pixels": st.one_of(st.integers(1, 40), st.sampled_from([513, 601, 784])),
    "n_units": st.integers(1, 3 * LANES + 1),
}
ONES = 0x01010101


def _make(n: int, n_pixels: int, n_units: int) -> tuple[Pixels, Float32, Float32, Float32, Float32]:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (n + 3, n_pixels), np.uint8)
    shapes = (n_pixels, n_units), (1, n_units), (n, n_units)
    W, b, dhidden = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return rows, rng.uniform(0, 255, n_pixels).astype(np.float32), W, b, dhidden


def _pack(rows: Pixels, mean_image: Float32) -> PackedPixels:
    """Drop the first three and reverse the order."""
    pixels = PackedPixels.allocate(len(rows) - 3, mean_image)
    pixels.take(rows, np.arange(3, len(rows))[::-1].copy())
    return pixels


def _centre(rows: Pixels, mean_image: Float32) -> NDArray[np.float64]:
    return rows[:2:-1] - mean_image.astype(np.float64)


def _forward(pixels: PackedPixels, W: Float32, b: Float32) -> Float32:
    blocks, panels = Blocks(len(W)), Panels(W.shape[1])
    out = np.full((panels.count, pixels.n, LANES), np.nan, np.float32)
    buffer = Rounded.allocate(1, blocks.count, blocks.size)
    multiply_pixels(pixels, panels.cut(W, blocks), panels.cut(b)[0], buffer, out)
    return panels.join(out[np.newaxis])


def _backward(pixels: PackedPixels, dhidden: Float32, n_pixels: int) -> Float32:
    blocks, panels = Blocks(n_pixels), Panels(dhidden.shape[1])
    rounded = Rounded.allocate(panels.count, 1, len(dhidden))
    ones = np.full((1, rounded.words.shape[3]), ONES, np.int32)
    rounded.take(panels.cut(dhidden), ones, np.zeros((1, len(dhidden)), np.float32))
    out = np.full((blocks.count, panels.count, blocks.size, LANES), np.nan, np.float32)
    multiply_pixels_transposed(pixels, slice(None), rounded, out)
    return panels.join(out)[:n_pixels]


@settings(deadline=None)
@given(**SIZES)
def test_images_are_packed_in_both_orders_and_padded_with_zeros(
    n: int, n_pixels: int, n_units: int
) -> None:
    rows, mean_image, *_ = _make(n, n_pixels, n_units)
    pixels, blocks = _pack(rows, mean_image), Blocks(n_pixels)
    expected = blocks.cut(rows[:2:-1].astype(np.float32))
    by_image = pixels.by_image.view(np.uint8).reshape(len(pixels.by_image), blocks.count, -1)
    found = by_image.swapaxes(0, 1)
    np.testing.assert_array_equal(found[:, :n, : blocks.size], expected)
    by_pixel = pixels.by_pixel.view(np.uint8).reshape(*pixels.by_pixel.shape, BYTES)
    found = by_pixel.transpose(0, 2, 4, 1, 3).reshape(blocks.count, -1, by_image.shape[2])
    np.testing.assert_array_equal(found[:, :n, : blocks.size], expected)
    for array in (by_image, by_pixel):
        assert np.count_nonzero(array) == np.count_nonzero(rows[3:])


@settings(deadline=None)
@given(**SIZES)
def test_products_are_those_of_centred_pixels(n: int, n_pixels: int, n_units: int) -> None:
    rows, mean_image, W, b, dhidden = _make(n, n_pixels, n_units)
    pixels, X = _pack(rows, mean_image), _centre(rows, mean_image)
    # Each number added may be wrong by the last bit of the largest of its unit.
    allowed = 255 * n_pixels * np.abs(W).max() * 2.0**-23
    np.testing.assert_allclose(_forward(pixels, W, b), X @ W + b, rtol=1e-6, atol=allowed)
    allowed = 255 * n * np.abs(dhidden).max() * 2.0**-23
    found = _backward(pixels, dhidden, n_pixels)
    np.testing.assert_allclose(found, X.T @ dhidden, rtol=1e-6, atol=allowed)


def test_products_are_more_accurate_than_in_float32() -> None:
    rows, mean_image, W, b, dhidden = _make(200, 3072, 40)
    pixels, X = _pack(rows, mean_image), _centre(rows, mean_image)
    X32 = X.astype(np.float32)
    for found, rival, exact in (
        (_forward(pixels, W, b), X32 @ W + b, X @ W + b),
        (_backward(pixels, dhidden, 3072), X32.T @ dhidden, X.T @ dhidden),
    ):
        assert np.std(found - exact) < np.std(rival - exact)


def test_units_have_the_same_bits_alone_and_among_others() -> None:
    rows, mean_image, W, b, dhidden = _make(50, 600, 70)
    pixels = _pack(rows, mean_image)
    some = slice(16, 48)
    alone = _forward(pixels, W[:, some].copy(), b[:, some].copy())
    np.testing.assert_array_equal(alone, _forward(pixels, W, b)[:, some])
    alone = _backward(pixels, dhidden[:, some].copy(), 600)
    np.testing.assert_array_equal(alone, _backward(pixels, dhidden, 600)[:, some])


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_numbers_that_are_not_finite_affect_only_their_unit(strange: float) -> None:
    rows, mean_image, W, b, _ = _make(14, 20, 40)
    W[3, 4] = strange
    found = np.isfinite(_forward(_pack(rows, mean_image), W, b))
    assert not found[:, 4].any()
    assert np.delete(found, 4, axis=1).all()


def test_another_number_of_images_is_refused() -> None:
    rows, mean_image, *_ = _make(5, 20, 1)
    with pytest.raises(ValueError, match="room for 3 images, got 4"):
        PackedPixels.allocate(3, mean_image).take(rows, np.arange(4))


@pytest.mark.parametrize("name", ["weights", "biases", "buffer", "out"])
@pytest.mark.parametrize("axis", [0, 1, -2, -1])
def test_arrays_that_do_not_fit_together_are_refused(name: str, axis: int) -> None:
    rows, mean_image, *_ = _make(5, 600, 1)
    pixels = _pack(rows, mean_image)
    arrays = {
        "weights": np.ones((3, 2, 200, LANES), np.float32),
        "biases": np.ones((2, 1, LANES), np.float32),
        "buffer": Rounded.allocate(1, 3, 200).words,
        "out": np.ones((2, 5, LANES), np.float32),
    }
    cut = np.delete(arrays[name], 0, axis=axis)
    if name == "buffer" and axis == 0:
        pytest.skip("there may be room for any number of panels, one or more")
    arrays[name] = np.ascontiguousarray(cut)
    buffer = dataclasses.replace(Rounded.allocate(1, 3, 200), words=arrays["buffer"])
    with pytest.raises(ValueError, match="do not fit together"):
        multiply_pixels(pixels, arrays["weights"], arrays["biases"], buffer, arrays["out"])


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_a_gradient_that_does_not_fit_is_refused(axis: int) -> None:
    rows, mean_image, *_ = _make(5, 600, 1)
    out = np.delete(np.ones((3, 2, 200, LANES), np.float32), 0, axis=axis)
    rounded = Rounded.allocate(2, 1, 5)
    with pytest.raises(ValueError, match="do not fit together"):
        multiply_pixels_transposed(_pack(rows, mean_image), slice(None), rounded, out)


_HASH = """
from hpsearch.trainers.two_layer_net.products import CAN_MULTIPLY_BYTES
from tests.trainers.two_layer_net.products.test_pixels import hash_products
print(CAN_MULTIPLY_BYTES, hash_products())
"""


def hash_products() -> str:
    rows, mean_image, W, b, dhidden = _make(50, 600, 70)
    pixels = _pack(rows, mean_image)
    forward, backward = _forward(pixels, W, b), _backward(pixels, dhidden, 600)
    return hash_arrays({"forward": forward, "backward": backward})


@pytest.mark.slow
def test_a_processor_without_the_instruction_finds_the_same_bits(tmp_path) -> None:
    assert print_without_avx512(_HASH, tmp_path) == f"False {hash_products()}"


@pytest.mark.slow
@pytest.mark.skipif(
    not get_host_cpu_features().get("avxvnni"), reason="this processor has no AVX-VNNI"
)
def test_a_processor_with_half_as_long_an_instruction_finds_the_same_bits(tmp_path) -> None:
    found = print_without_avx512(_HASH, tmp_path, "avxvnni")
    assert found == f"True {hash_products()}"
