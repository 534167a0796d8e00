"""The two large products of a step: inputs @ W1, and inputs.T @ the hidden layer's gradient.

On raw pixels they use integer arithmetic, if the processor is faster at that; its sums are at
least as accurate as float32's. On all other inputs they use float32.
"""

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.products import (
    NetLayout,
    PackedPixels,
    Part,
    Rounded,
    multiply,
    multiply_pixels,
    multiply_pixels_transposed,
    multiply_transposed,
)

__all__ = ["FirstLayer", "Inputs", "make_first_layer"]

Float32 = NDArray[np.float32]

# Float32 in blocks, shape (B, n, K); or raw pixels.
Inputs: TypeAlias = Float32 | PackedPixels

_ONES = 0x01010101  # a word of four bytes, each 1


class FirstLayer(Protocol):
    """Both products of a batch."""

    def multiply(self, inputs: Any, net: Parameters, hidden: Float32) -> None:
        """Write b1 + inputs @ W1 to `hidden`."""
        ...

    def take_gradient(self) -> None:
        """Prepare the hidden layer's gradient for `multiply_transposed`."""
        ...

    def multiply_transposed(self, inputs: Any, part: Part) -> None:
        """Write inputs.T @ dhidden to the gradient of `part`."""
        ...


def make_first_layer(inputs: Inputs, layout: NetLayout, dhidden: Float32) -> FirstLayer:
    """Make the products for batches like `inputs`.

    The gradient is read from `dhidden`, shape (P, n, LANES).
    """
    if isinstance(inputs, PackedPixels):
        return _WholeNumbers(layout, dhidden)
    return _Floats(dhidden)


class _Floats:
    def __init__(self, dhidden: Float32) -> None:
        self._dhidden = dhidden

    def multiply(self, inputs: Float32, net: Parameters, hidden: Float32) -> None:
        multiply(inputs, net["W1"], net["b1"][0], hidden)

    def take_gradient(self) -> None:
        pass

    def multiply_transposed(self, inputs: Float32, part: Part) -> None:
        multiply_transposed(inputs[part.blocks], self._dhidden[part.panels], part.gradient)


class _WholeNumbers:
    def __init__(self, layout: NetLayout, dhidden: Float32) -> None:
        n_panels, n, _ = dhidden.shape
        self._dhidden = dhidden
        self._W1_rounded = Rounded.allocate(1, layout.inputs.count, layout.inputs.size)
        self._dhidden_rounded = Rounded.allocate(n_panels, 1, n)
        self._ones = np.full((1, self._dhidden_rounded.words.shape[3]), _ONES, np.int32)
        self._no_rests = np.zeros((1, n), np.float32)

    def multiply(self, inputs: PackedPixels, net: Parameters, hidden: Float32) -> None:
        multiply_pixels(inputs, net["W1"], net["b1"][0], self._W1_rounded, hidden)

    def take_gradient(self) -> None:
        self._dhidden_rounded.take(self._dhidden[np.newaxis], self._ones, self._no_rests)

    def multiply_transposed(self, inputs: PackedPixels, part: Part) -> None:
        gradients = self._dhidden_rounded[part.panels]
        multiply_pixels_transposed(inputs, part.blocks, gradients, part.gradient)
