"""The first layer's two products on raw 8-bit pixels, with integer arithmetic.

The net's inputs are pixels less the mean image. Pixels are bytes as they are; weights or gradients
are rounded to integers of 24 bits (`rounding`). The mean image, which is not of integers, is taken
out of the product: (pixels - means) @ weights = pixels @ weights - means @ weights. The last term,
a vector, is the weighted sum that rounding computes on the way.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.products.integer_tiles import (
    BYTES,
    PLANES,
    TALL,
    make_integer_tile,
)
from hpsearch.trainers.two_layer_net.products.layout import Blocks, zero_words
from hpsearch.trainers.two_layer_net.products.rounding import Rounded, round_panels
from hpsearch.trainers.two_layer_net.products.vectors import (
    LANES,
    WORD,
    fill,
    read_arrays,
    vector_of,
)

__all__ = ["PackedPixels", "multiply_pixels", "multiply_pixels_transposed"]

Float32 = NDArray[np.float32]
Numbers = NDArray[np.int64]
Pixels = NDArray[np.uint8]
Words = NDArray[np.int32]

_NEIGHBOUR = 4  # stride, in bytes, of adjacent float32 numbers
_tall, _row = make_integer_tile(TALL), make_integer_tile(1)


@dataclass(frozen=True, eq=False)
class PackedPixels:
    """Raw images packed four pixels to a 32-bit word, in the order of either product.

    S words hold the pixels of an image in a block.

    Parameters
    ----------
    n : int
        Number of images.
    by_image : int32 array, shape (4 * M, B * S)
        For pixels @ weights: four adjacent pixels of an image in a word. The number of images is
        padded to a multiple of four.
    by_pixel : int32 array, shape (B, G, M, LANES)
        For pixels.T @ gradients: the same pixel of four images in a word, LANES pixels in each of
        the G groups of a block.
    means : float32 array, shape (B, K)
        The mean image, in blocks; subtracted from each image.
    mean_bytes : int32 array, shape (B, S)
        The mean image rounded to bytes, in words like an image's.
    mean_rests : float32 array, shape (B, K)
        The mean image less the rounded one.
    """

    n: int
    by_image: Words
    by_pixel: Words
    means: Float32
    mean_bytes: Words
    mean_rests: Float32

    @classmethod
    def allocate(cls, n: int, mean_image: Float32) -> "PackedPixels":
        """Allocate for `n` images, from which `mean_image`, shape (D,), is subtracted."""
        blocks = Blocks(len(mean_image))
        n_groups, n_fours = math.ceil(blocks.size / LANES), math.ceil(n / BYTES)
        n_words = n_groups * LANES // BYTES
        rounded, mean_bytes = mean_image.round(), zero_words((blocks.count, n_words))
        _cut(rounded.astype(np.uint8), blocks.size, mean_bytes.view(np.uint8))
        return cls(
            n=n,
            by_image=zero_words((n_fours * BYTES, blocks.count * n_words)),
            by_pixel=zero_words((blocks.count, n_groups, n_fours, LANES)),
            means=blocks.cut(mean_image[np.newaxis])[:, 0],
            mean_bytes=mean_bytes,
            mean_rests=blocks.cut((mean_image - rounded)[np.newaxis])[:, 0],
        )

    def take(self, rows: Pixels, numbers: Numbers) -> None:
        """Pack the images with indices `numbers`, shape (n,), of `rows`, shape (N, D)."""
        if len(numbers) != self.n:
            raise ValueError(f"room for {self.n} images, got {len(numbers)}")
        by_image = self.by_image.view(np.uint8).reshape(len(self.by_image), len(self.by_pixel), -1)
        _pack(rows, numbers, self.means.shape[1], by_image, self.by_pixel)


def multiply_pixels(
    pixels: PackedPixels, weights: Float32, biases: Float32, buffer: Rounded, out: Float32
) -> None:
    """Write biases + (pixels - means) @ weights to `out`.

    Parameters
    ----------
    pixels : PackedPixels
        n images.
    weights : float32 array, shape (B, P, K, LANES)
        In blocks and panels.
    biases : float32 array, shape (P, 1, LANES)
        In panels.
    buffer : Rounded
        Overwritten: one panel, into which the weights are rounded panel by panel.
    out : float32 array, shape (P, n, LANES)
        n rows, in panels.

    Raises
    ------
    ValueError
        If shapes do not match, or lanes are not adjacent in memory.
    """
    (n_blocks, size), n_panels, n_words = pixels.means.shape, len(out), pixels.mean_bytes.shape[1]
    if (
        weights.shape != (n_blocks, n_panels, size, LANES)
        or biases.shape != (n_panels, 1, LANES)
        or buffer.words.shape[1:] != (PLANES, n_blocks, n_words, LANES)
        or out.shape != (n_panels, pixels.n, LANES)
        or not (weights.strides[3] == biases.strides[2] == out.strides[2] == _NEIGHBOUR)
    ):
        raise ValueError("the shapes of a product do not fit together")
    _multiply(
        pixels.by_image,
        pixels.mean_bytes,
        pixels.mean_rests,
        weights,
        biases,
        buffer.words,
        buffer.scales,
        buffer.sums,
        out,
    )


def multiply_pixels_transposed(
    pixels: PackedPixels, blocks: slice, gradients: Rounded, out: Float32
) -> None:
    """Write (pixels - means).T @ gradients to `out`.

    Parameters
    ----------
    pixels : PackedPixels
        n images.
    blocks : slice
        Blocks of pixels to compute.
    gradients : Rounded
        P panels of n rows, with sums in which each row has the weight 1.
    out : float32 array, shape (blocks, P, K, LANES)
        In blocks and panels.

    Raises
    ------
    ValueError
        If shapes do not match.
    """
    left, n_panels = pixels.by_pixel[blocks], len(gradients.words)
    size, n_words = pixels.means.shape[1], gradients.words.shape[3]
    if out.shape != (len(left), n_panels, size, LANES) or n_words < left.shape[2]:
        raise ValueError("the shapes of a product do not fit together")
    _multiply_transposed(
        left,
        gradients.words[:, :, 0],
        gradients.scales,
        pixels.means[blocks],
        -gradients.sums,
        out,
    )


def _type_interleave(_: Any, rows: Any, words: Any) -> Any:
    """Generate: interleave the bytes of four `rows`, (4, G * LANES), in `words`, (G, LANES).

    Byte r of words[g, lane] is rows[r, g * LANES + lane].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, words = read_arrays(context, builder, signature, arguments)
        with cgutils.for_range(builder, words.shape[0]) as loop:
            first = builder.mul(loop.index, ir.Constant(loop.index.type, LANES))
            together = fill(WORD, 0)
            for row in range(BYTES):
                pixels = rows.load(vector_of(ir.IntType(8)), row, first)
                wide = builder.zext(pixels, vector_of(WORD))
                together = builder.or_(together, builder.shl(wide, fill(WORD, 8 * row)))
            words.store(together, loop.index)
        return context.get_dummy_value()

    return types.void(rows, words), generate


_interleave = cast(Callable[[Pixels, Words], None], intrinsic(_type_interleave))


@compiled("void(Array(uint8, 1, 'C', readonly=True), int64, uint8[:, ::1])")
def _cut(image: Pixels, size: int, blocks: Pixels) -> None:
    """Copy an image into blocks of `size` pixels."""
    for block in range(len(blocks)):
        part = image[block * size : min((block + 1) * size, len(image))]
        buffer = blocks[block]
        for j in range(len(part)):
            buffer[j] = part[j]


@compiled(
    "void(Array(uint8, 2, 'C', readonly=True), int64[::1], int64,"
    " uint8[:, :, ::1], int32[:, :, :, ::1])"
)
def _pack(rows: Pixels, numbers: Numbers, size: int, by_image: Pixels, by_pixel: Words) -> None:
    for four in range(by_pixel.shape[2]):
        first = four * BYTES
        for i in range(first, min(first + BYTES, len(numbers))):
            _cut(rows[numbers[i]], size, by_image[i])
        for block in range(len(by_pixel)):
            _interleave(by_image[first : first + BYTES, block], by_pixel[block, :, four])


@compiled(
    "void(int32[:, ::1], int32[:, ::1], float32[:, ::1], float32[:, :, :, :], float32[:, :, ::1],"
    " int32[:, :, :, :, ::1], float32[:, ::1], float32[:, ::1], float32[:, :, ::1])"
)
def _multiply(
    left: Words,
    mean_bytes: Words,
    mean_rests: Float32,
    weights: Float32,
    biases: Float32,
    words: Words,
    scales: Float32,
    sums: Float32,
    out: Float32,
) -> None:
    n_panels, n_rows, _ = out.shape
    tall, ones = n_rows // TALL * TALL, np.ones(TALL, np.float32)
    offsets = np.empty(LANES, np.float32)
    right, scale = words[0].reshape((PLANES, -1, LANES)), scales[0]
    for p in range(n_panels):
        # One panel at a time, so that its integers are still in a cache when they are multiplied.
        round_panels(weights[:, p : p + 1], mean_bytes, mean_rests, words, scales, sums)
        rows = out[p]
        # The sums are means @ weights.
        for lane in range(LANES):
            offsets[lane] = biases[p, 0, lane] - sums[0, lane]
        for r in range(0, tall, TALL):
            _tall(left[r:], right, scale, ones, offsets, rows[r:])
        for r in range(tall, n_rows):
            _row(left[r:], right, scale, ones, offsets, rows[r:])


@compiled(
    "void(int32[:, :, :, ::1], int32[:, :, :, :], float32[:, ::1], float32[:, ::1],"
    " float32[:, ::1], float32[:, :, :, ::1])"
)
def _multiply_transposed(
    left: Words, right: Words, scales: Float32, factors: Float32, offsets: Float32, out: Float32
) -> None:
    n_blocks, n_panels, size, _ = out.shape
    tall = size // TALL * TALL
    for block in range(n_blocks):
        for p in range(n_panels):
            # A row of the result is a pixel: factors are its means, offsets -sum(gradients). Groups
            # are of LANES pixels, a multiple of TALL, so a tile's pixels are in one group.
            of_rows, rows = factors[block], out[block, p]
            for k in range(0, tall, TALL):
                group = left[block, k // LANES, :, k % LANES :].T
                _tall(group, right[p], scales[p], of_rows[k:], offsets[p], rows[k:])
            for k in range(tall, size):
                group = left[block, k // LANES, :, k % LANES :].T
                _row(group, right[p], scales[p], of_rows[k:], offsets[p], rows[k:])
