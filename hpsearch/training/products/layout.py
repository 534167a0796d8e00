"""How arrays lie in memory during a step: inputs in blocks, units in panels.

Numbers that a product reads one after the other are neighbours. Where a block or a panel is
longer than what there is for it, it holds zeros, and steps leave them zeros.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.net import Parameters
from hpsearch.training.products.vectors import LANES

__all__ = ["Blocks", "NetLayout", "Panels", "zero_words", "zeros"]

Float32 = NDArray[np.float32]
Words = NDArray[np.int32]

# So many inputs are one block. More are cut: of 256 the weights in two panels fit into the
# nearest cache, and the inputs of 200 images into the next.
_ONE_BLOCK, _LARGEST_BLOCK = 512, 256
_LINE = 64  # bytes of a cache's line


@dataclass(frozen=True)
class Blocks:
    """Rows of `length` numbers, cut into blocks of columns.

    Parameters
    ----------
    length : int
        Inputs of the net, say.
    """

    length: int

    @property
    def count(self) -> int:
        """B, how many blocks there are."""
        return 1 if self.length <= _ONE_BLOCK else math.ceil(self.length / _LARGEST_BLOCK)

    @property
    def size(self) -> int:
        """K, columns in each."""
        return math.ceil(self.length / self.count)

    def cut(self, rows: Float32) -> Float32:
        """A copy of `rows`, shape (N, length), in blocks: (B, N, K)."""
        whole = np.zeros((len(rows), self.count * self.size), np.float32)
        whole[:, : self.length] = rows
        return np.ascontiguousarray(whole.reshape(len(rows), self.count, -1).swapaxes(0, 1))

    def join(self, blocks: Float32) -> Float32:
        """A copy of `blocks`, shape (B, N, K), as rows: (N, length)."""
        whole = blocks.swapaxes(0, 1).reshape(blocks.shape[1], -1)
        return whole[:, : self.length].copy()


@dataclass(frozen=True)
class Panels:
    """Rows of `length` numbers, cut into panels of LANES columns.

    Parameters
    ----------
    length : int
        Units of a layer.
    """

    length: int

    @property
    def count(self) -> int:
        """P, how many panels there are."""
        return math.ceil(self.length / LANES)

    def cut(self, rows: Float32, blocks: Blocks | None = None) -> Float32:
        """A copy of `rows`, shape (N, length), in panels: (B, P, K, LANES).

        Parameters
        ----------
        rows : float32 array, shape (N, length)
            The weights from N units, or N images' values.
        blocks : Blocks, optional
            Cuts the N rows; else they are one block, of size K = N.
        """
        n_blocks, size = (blocks.count, blocks.size) if blocks else (1, len(rows))
        whole = np.zeros((n_blocks * size, self.count * LANES), np.float32)
        whole[: len(rows), : self.length] = rows
        panels = zeros((n_blocks, self.count, size, LANES))
        panels[...] = whole.reshape(n_blocks, size, -1, LANES).swapaxes(1, 2)
        return panels

    def join(self, panels: Float32) -> Float32:
        """A copy of `panels`, shape (B, P, K, LANES), as rows: (B * K, length)."""
        whole = panels.swapaxes(1, 2).reshape(-1, self.count * LANES)
        return whole[:, : self.length].copy()


@dataclass(frozen=True)
class NetLayout:
    """A net in blocks and panels.

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
        """For a net with W1 (D, H) and b2 (C,)."""
        n_inputs, n_hidden = net["W1"].shape
        return cls(Blocks(n_inputs), Panels(n_hidden), Panels(len(net["b2"])))

    def cut(self, net: Parameters) -> Parameters:
        """A copy of `net`.

        W1 is (B, P, K, LANES), b1 (1, P, 1, LANES), W2 (1, P, C, LANES), in panels of hidden
        units too, and b2 (1, Q, 1, LANES), in panels of classes.
        """
        return {
            "W1": self.units.cut(net["W1"], self.inputs),
            "b1": self.units.cut(net["b1"][np.newaxis]),
            "W2": self.units.cut(net["W2"].T),
            "b2": self.classes.cut(net["b2"][np.newaxis]),
        }

    def join(self, cut: Parameters) -> Parameters:
        """The net of which `cut` is a copy."""
        return {
            "W1": self.units.join(cut["W1"])[: self.inputs.length],
            "b1": self.units.join(cut["b1"])[0],
            "W2": self.units.join(cut["W2"]).T,
            "b2": self.classes.join(cut["b2"])[0],
        }


def zeros(shape: tuple[int, ...]) -> Float32:
    """Zeros from the start of a cache's line on: a vector of LANES never lies across two."""
    n, spare = math.prod(shape), _LINE // 4
    room = np.zeros(n + spare, np.float32)
    skipped = -room.ctypes.data % _LINE // 4
    return room[skipped : skipped + n].reshape(shape)


def zero_words(shape: tuple[int, ...]) -> Words:
    """The same for words: four bytes each, as one number of 32 bits."""
    return zeros(shape).view(np.int32)
