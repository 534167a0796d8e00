"""Memory layout of a step's arrays: inputs in blocks, units in panels.

Numbers that a product reads one after the other are adjacent in memory, so that it loads whole
vectors and cache lines. Blocks and panels both divide the columns of a matrix: blocks so that a
product's operands fit into a cache, panels by the length of a vector. The last of them is padded
with zeros, which steps leave zeros.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.products.vectors import LANES

__all__ = ["Blocks", "NetLayout", "Panels", "zero_words", "zeros"]

Float32 = NDArray[np.float32]
Words = NDArray[np.int32]

# Up to 512 inputs are one block, more are divided into blocks of at most 256: their weights in two
# panels (32 KiB) fit into the L1 cache, and the inputs of 200 images (200 KiB) into L2.
_ONE_BLOCK, _LARGEST_BLOCK = 512, 256
_LINE = 64  # bytes of a cache line


@dataclass(frozen=True)
class Blocks:
    """Division of rows of `length` numbers into blocks of columns.

    Parameters
    ----------
    length : int
        Columns: inputs of the net, for example.
    """

    length: int

    @property
    def count(self) -> int:
        """Number of blocks, B."""
        return 1 if self.length <= _ONE_BLOCK else math.ceil(self.length / _LARGEST_BLOCK)

    @property
    def size(self) -> int:
        """Columns in each block, K."""
        return math.ceil(self.length / self.count)

    def cut(self, rows: Float32) -> Float32:
        """Return a copy of `rows`, shape (N, length), in blocks: (B, N, K)."""
        whole = np.zeros((len(rows), self.count * self.size), np.float32)
        whole[:, : self.length] = rows
        return np.ascontiguousarray(whole.reshape(len(rows), self.count, -1).swapaxes(0, 1))

    def join(self, blocks: Float32) -> Float32:
        """Return a copy of `blocks`, shape (B, N, K), as rows: (N, length)."""
        whole = blocks.swapaxes(0, 1).reshape(blocks.shape[1], -1)
        return whole[:, : self.length].copy()


@dataclass(frozen=True)
class Panels:
    """Division of rows of `length` numbers into panels of LANES columns.

    Parameters
    ----------
    length : int
        Columns: units of a layer.
    """

    length: int

    @property
    def count(self) -> int:
        """Number of panels, P."""
        return math.ceil(self.length / LANES)

    def cut(self, rows: Float32, blocks: Blocks | None = None) -> Float32:
        """Return a copy of `rows`, shape (N, length), in panels: (B, P, K, LANES).

        Parameters
        ----------
        rows : float32 array, shape (N, length)
            Weights, a row for each unit of the layer before; or values, a row for each image.
        blocks : Blocks, optional
            Division of the N rows; by default one block, of size K = N.
        """
        n_blocks, size = (blocks.count, blocks.size) if blocks else (1, len(rows))
        whole = np.zeros((n_blocks * size, self.count * LANES), np.float32)
        whole[: len(rows), : self.length] = rows
        panels = zeros((n_blocks, self.count, size, LANES))
        panels[...] = whole.reshape(n_blocks, size, -1, LANES).swapaxes(1, 2)
        return panels

    def join(self, panels: Float32) -> Float32:
        """Return a copy of `panels`, shape (B, P, K, LANES), as rows: (B * K, length)."""
        whole = panels.swapaxes(1, 2).reshape(-1, self.count * LANES)
        return whole[:, : self.length].copy()


@dataclass(frozen=True)
class NetLayout:
    """Division of a net's parameters into blocks and panels.

    Parameters
    ----------
    inputs : Blocks
        Of the first layer.
    units, classes : Panels
        Of the hidden layer, and of the scores.
    """

    inputs: Blocks
    units: Panels
    classes: Panels

    @classmethod
    def of(cls, net: Parameters) -> "NetLayout":
        """Return the layout for a net with W1 (D, H) and b2 (C,)."""
        n_inputs, n_hidden = net["W1"].shape
        return cls(Blocks(n_inputs), Panels(n_hidden), Panels(len(net["b2"])))

    def cut(self, net: Parameters) -> Parameters:
        """Return a copy of `net` in blocks and panels.

        W1 is (B, P, K, LANES), b1 (1, P, 1, LANES), and W2 (1, P, C, LANES), transposed: in panels
        of hidden units too. b2 is (1, Q, 1, LANES), in Q panels of classes.
        """
        return {
            "W1": self.units.cut(net["W1"], self.inputs),
            "b1": self.units.cut(net["b1"][np.newaxis]),
            "W2": self.units.cut(net["W2"].T),
            "b2": self.classes.cut(net["b2"][np.newaxis]),
        }

    def join(self, cut: Parameters) -> Parameters:
        """Return the net of which `split_spec` is a copy, as new arrays."""
        return {
            "W1": self.units.join(cut["W1"])[: self.inputs.length],
            "b1": self.units.join(cut["b1"])[0],
            "W2": self.units.join(cut["W2"]).T,
            "b2": self.classes.join(cut["b2"])[0],
        }


def zeros(shape: tuple[int, ...]) -> Float32:
    """Return zeros aligned to a cache line, so that no vector of LANES numbers spans two lines."""
    n, spare = math.prod(shape), _LINE // 4
    buffer = np.zeros(n + spare, np.float32)
    skipped = -buffer.ctypes.data % _LINE // 4
    return buffer[skipped : skipped + n].reshape(shape)


def zero_words(shape: tuple[int, ...]) -> Words:
    """Return zeros, aligned as by `zeros`, as 32-bit words, each of which holds four bytes."""
    return zeros(shape).view(np.int32)
