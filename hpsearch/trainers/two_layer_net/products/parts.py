"""Parts of W1, so small that a part's gradient is still in a cache when its weights are updated."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.products.layout import zeros
from hpsearch.trainers.two_layer_net.products.vectors import LANES

__all__ = ["Part", "cut_into_parts"]

Float32 = NDArray[np.float32]

# Weights in a part at most, unless it is a single panel of a block.
_LARGEST = 100_000


@dataclass(frozen=True, eq=False)
class Part:
    """A contiguous part of W1, and an array for its gradient.

    Parameters
    ----------
    number : int
        Index among the parts, from 0.
    blocks, panels : slice
        Of W1: all panels of some blocks, or some panels of one block.
    place : slice
        The part's weights in W1 as a 1-d array.
    gradient : float32 array, shape (blocks, panels, K, LANES)
        Overwritten in each step.
    flat_gradient : float32 array, 1-d
        The same memory as `gradient`.
    """

    number: int
    blocks: slice
    panels: slice
    place: slice
    gradient: Float32
    flat_gradient: Float32


def cut_into_parts(shape: tuple[int, ...]) -> list[Part]:
    """Divide W1 into parts, whose gradients share one piece of memory in turn.

    Parameters
    ----------
    shape : tuple of int
        (B, P, K, LANES), W1's.
    """
    n_blocks, n_panels, size, _ = shape
    panel_size = size * LANES
    n_panels_cuts = math.ceil(n_panels / max(1, _LARGEST // panel_size))
    n_blocks_cuts = math.ceil(n_blocks / max(1, _LARGEST // (panel_size * n_panels)))
    cuts = list(
        itertools.product(
            _cut_evenly(n_blocks, n_blocks_cuts), _cut_evenly(n_panels, n_panels_cuts)
        )
    )
    buffer = zeros((max(_count(blocks) * _count(panels) for blocks, panels in cuts) * panel_size,))
    parts = []
    for index, (blocks, panels) in enumerate(cuts):
        n = _count(blocks) * _count(panels) * panel_size
        gradient = buffer[:n].reshape(_count(blocks), _count(panels), size, LANES)
        start = (blocks.start * n_panels + panels.start) * panel_size
        parts.append(Part(index, blocks, panels, slice(start, start + n), gradient, buffer[:n]))
    return parts


def _cut_evenly(n: int, n_pieces: int) -> list[slice]:
    """Divide range(n) into at most `n_pieces` slices of about equal length."""
    size = math.ceil(n / n_pieces)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _count(piece: slice) -> int:
    return int(piece.stop - piece.start)
