"""Matrix products of a training step, on arrays stored in the order in which products read them.

`layout` describes that order, and `parts` divides the work. `multiplication` has the
products in float32, whose inner loops `tiles` generates. `pixels` has those of 8-bit images with
weights or gradients that `rounding` converts to 24-bit integers; `integer_tiles` generates their
inner loops. `vectors` explains how code is generated.
"""

from hpsearch.trainers.two_layer_net.products.integer_tiles import CAN_MULTIPLY_BYTES, MOST_BYTES
from hpsearch.trainers.two_layer_net.products.layout import Blocks, NetLayout, Panels, zeros
from hpsearch.trainers.two_layer_net.products.multiplication import multiply, multiply_transposed
from hpsearch.trainers.two_layer_net.products.parts import Part, cut_into_parts
from hpsearch.trainers.two_layer_net.products.pixels import (
    PackedPixels,
    multiply_pixels,
    multiply_pixels_transposed,
)
from hpsearch.trainers.two_layer_net.products.rounding import Rounded
from hpsearch.trainers.two_layer_net.products.vectors import LANES

__all__ = [
    "CAN_MULTIPLY_BYTES",
    "LANES",
    "MOST_BYTES",
    "Blocks",
    "NetLayout",
    "PackedPixels",
    "Panels",
    "Part",
    "Rounded",
    "cut_into_parts",
    "multiply",
    "multiply_pixels",
    "multiply_pixels_transposed",
    "multiply_transposed",
    "zeros",
]
