"""The float32 products of a step, on arrays in blocks and panels.

A library's matrix product first copies ("packs") both factors into such an order. With 200 images
in a batch that takes up to a sixth of its time; here arrays are kept in it from step to step
(`layout`). Each number of a result is summed in one order, whatever the tiles, so that results are
equal to the bit.
"""

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.products.tiles import TALL, WIDE, make_tile
from hpsearch.trainers.two_layer_net.products.vectors import LANES

__all__ = ["multiply", "multiply_transposed"]

Float32 = NDArray[np.float32]

_NEIGHBOUR = 4  # stride, in bytes, of adjacent float32 numbers
# Rows that tall tiles leave over go to low ones, and what those leave over is done row by row.
_LOW = TALL // 3
_tall_wide, _low_wide, _row_wide = (make_tile(n, WIDE) for n in (TALL, _LOW, 1))
_tall_narrow, _low_narrow, _row_narrow = (make_tile(n, 1) for n in (TALL, _LOW, 1))


@compiled(
    "void(Array(float32, 3, 'A', readonly=True), float32[:, :], float32[:, :, :], float32[:, :, :])"
)
def _multiply(start: Float32, left: Float32, right: Float32, out: Float32) -> None:
    """Write start (P, R, LANES) + left (R, K) @ right (P, K, LANES) to `out`, shaped as start."""
    n_rows, n_panels = len(left), len(right)
    tall, low, wide = n_rows // TALL * TALL, n_rows // _LOW * _LOW, n_panels // WIDE * WIDE
    for p in range(0, wide, WIDE):
        for r in range(0, tall, TALL):
            _tall_wide(start[p:, r:], left[r:], right[p:], out[p:, r:])
        for r in range(tall, low, _LOW):
            _low_wide(start[p:, r:], left[r:], right[p:], out[p:, r:])
        for r in range(low, n_rows):
            _row_wide(start[p:, r:], left[r:], right[p:], out[p:, r:])
    for p in range(wide, n_panels):
        for r in range(0, tall, TALL):
            _tall_narrow(start[p:, r:], left[r:], right[p:], out[p:, r:])
        for r in range(tall, low, _LOW):
            _low_narrow(start[p:, r:], left[r:], right[p:], out[p:, r:])
        for r in range(low, n_rows):
            _row_narrow(start[p:, r:], left[r:], right[p:], out[p:, r:])


@compiled("void(float32[:, :, :], float32[:, :, :, :], float32[:, :, :], float32[:, :, :])")
def multiply(inputs: Float32, weights: Float32, biases: Float32, out: Float32) -> None:
    """Write biases + inputs @ weights to `out`.

    Parameters
    ----------
    inputs : float32 array, shape (B, N, K)
        N rows, in blocks.
    weights : float32 array, shape (B, P, K, LANES)
        In blocks and panels.
    biases : float32 array, shape (P, 1, LANES)
        In panels.
    out : float32 array, shape (P, N, LANES)
        N rows, in panels.

    Raises
    ------
    ValueError
        If shapes do not match, or lanes are not adjacent in memory.
    """
    (n_blocks, n_rows, size), n_panels = inputs.shape, len(out)
    if (
        weights.shape != (n_blocks, n_panels, size, LANES)
        or biases.shape != (n_panels, 1, LANES)
        or out.shape != (n_panels, n_rows, LANES)
        or not (weights.strides[3] == biases.strides[2] == out.strides[2] == _NEIGHBOUR)
    ):
        raise ValueError("the shapes of a product do not fit together")
    _multiply(np.broadcast_to(biases, out.shape), inputs[0], weights[0], out)
    for block in range(1, len(inputs)):
        _multiply(out, inputs[block], weights[block], out)


@compiled("void(float32[:, :, :], float32[:, :, :], float32[:, :, :, :])")
def multiply_transposed(inputs: Float32, gradients: Float32, out: Float32) -> None:
    """Write inputs.T @ gradients to `out`.

    Parameters
    ----------
    inputs : float32 array, shape (B, N, K)
        N rows, in blocks.
    gradients : float32 array, shape (P, N, LANES)
        N rows, in panels.
    out : float32 array, shape (B, P, K, LANES)
        In blocks and panels.

    Raises
    ------
    ValueError
        If shapes do not match, or lanes are not adjacent in memory.
    """
    (n_blocks, n_rows, size), n_panels = inputs.shape, len(gradients)
    if (
        gradients.shape != (n_panels, n_rows, LANES)
        or out.shape != (n_blocks, n_panels, size, LANES)
        or not (gradients.strides[2] == out.strides[3] == _NEIGHBOUR)
    ):
        raise ValueError("the shapes of a product do not fit together")
    nothing = np.broadcast_to(np.zeros(LANES, np.float32), out.shape[1:])
    for block in range(len(inputs)):
        _multiply(nothing, inputs[block].T, gradients, out[block])
