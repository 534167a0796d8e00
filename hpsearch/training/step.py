"""One step of gradient descent: the arithmetic of `hpsearch.net` without new arrays."""

import math

import numpy as np
from numpy.typing import NDArray

from hpsearch.net import Parameters
from hpsearch.training.dropout import Dropout
from hpsearch.training.hyperparameters import Hyperparameters
from hpsearch.training.locality import apply_soft_threshold
from hpsearch.training.optimizers import Memory, make_optimizer

__all__ = ["Step"]

Float32 = NDArray[np.float32]

# Weights in a product: with more the result leaves the cache. But of so many hidden units at
# least, as BLAS is slower with fewer, and of a multiple of what fits into one of its registers.
_BLOCK_SIZE = 256 * 3072
_BLOCK_UNITS = 256
_VECTOR = 16
# Weights in a tile, which all sums go over in turn: half a megabyte stays in the nearest cache.
_TILE_SIZE = 2**17


class Step:
    """Updates a net on one batch after the other.

    Of all that a step costs, two products are the floor: inputs by W1, and inputs by the
    hidden layer's gradient. What goes over all of W1 besides is done block by block of units
    after the second product, and in a block tile by tile, while both are still in a cache.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,); changed in place. W1 is kept by columns, so
        that the weights of a hidden unit are neighbours: its products are quicker so.
    setting : Hyperparameters
        Optimizer, regularization, batch size and dropout are taken from it.
    rng : numpy.random.Generator
        For dropout.
    memory : dict of arrays
        What the optimizer remembers between steps; changed in place.
    """

    def __init__(
        self,
        net: Parameters,
        setting: Hyperparameters,
        rng: np.random.Generator,
        memory: Memory,
    ) -> None:
        net["W1"] = np.asfortranarray(net["W1"])
        batch_size = setting.batch_size
        n_inputs, n_hidden = net["W1"].shape
        n_classes = len(net["b2"])
        self._net = net
        self._reg = setting.reg
        self._optimizer = make_optimizer(setting, net, memory)
        self._dropout = Dropout(setting.dropout, rng)
        self._rows = np.arange(batch_size)
        self._hidden = np.empty((batch_size, n_hidden), np.float32)
        self._active = np.empty((batch_size, n_hidden), np.bool_)
        self._dhidden = np.empty((batch_size, n_hidden), np.float32)
        self._scores = np.empty((batch_size, n_classes), np.float32)
        self._dW2 = np.empty_like(net["W2"])
        blocks = _cut_evenly(n_hidden, max(_BLOCK_UNITS, _BLOCK_SIZE // n_inputs))
        n_tile_units = max(1, _TILE_SIZE // n_inputs)
        self._blocks = [(block, _cut(block, n_tile_units)) for block in blocks]
        self._dW1 = np.empty((n_inputs, blocks[0].stop), np.float32, order="F")
        self._squares = _sum_of_squares(net["W1"]), _sum_of_squares(net["W2"])

    def __call__(
        self, inputs: Float32, targets: NDArray[np.int64] | Float32, learning_rate: float
    ) -> tuple[float, int]:
        """Update the net on a batch.

        Parameters
        ----------
        inputs : float32 array, shape (n, D)
            The batch.
        targets : int64 array, shape (n,); or float32 array, shape (n, C)
            Its classes; or shares of them, each row of sum 1.
        learning_rate : float
            Step size.

        Returns
        -------
        loss : float
            Of the net as it was before; nan or inf if training has diverged.
        n_correct : int
            Images that it had right.
        """
        n = len(targets)
        with np.errstate(all="ignore"):  # a diverging run is seen by its loss
            hidden, scores = self._forward(inputs)
            labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
            answers = scores.argmax(axis=1)
            n_correct = int(np.count_nonzero(answers == labels))
            loss = self._softmax(scores, answers, targets) + self._reg * sum(self._squares)
            # From here on gradients carry the optimizer's factor: scaling (n, C) numbers now
            # saves a pass over all of W1 later.
            scores *= np.float32(self._optimizer.begin(learning_rate) / n)
            self._update(inputs, hidden, scores)
        return loss, n_correct

    def flush(self) -> None:
        """Set to 0 what the optimizer remembers and has come to nothing; now and then."""
        self._optimizer.flush()

    def shrink_first_weights(self, directions: Float32 | None, share: float) -> None:
        """`apply_soft_threshold` to the net's W1."""
        apply_soft_threshold(self._net["W1"], directions, share)
        self._squares = _sum_of_squares(self._net["W1"]), self._squares[1]

    def _forward(self, inputs: Float32) -> tuple[Float32, Float32]:
        net, n = self._net, len(inputs)
        hidden, scores = self._hidden[:n], self._scores[:n]
        np.matmul(inputs, net["W1"], out=hidden)
        hidden += net["b1"]
        np.maximum(hidden, 0, out=hidden)
        if self._dropout.is_on:
            self._dropout.drop(hidden)
        np.matmul(hidden, net["W2"], out=scores)
        if self._dropout.is_on:
            scores *= self._dropout.scale
        scores += net["b2"]
        return hidden, scores

    def _softmax(
        self,
        scores: Float32,
        answers: NDArray[np.int64],
        targets: NDArray[np.int64] | Float32,
    ) -> float:
        """Mean cross-entropy; turns `scores`, largest at `answers`, into n times its gradient."""
        rows = self._rows[: len(targets)]
        scores -= scores[rows, answers, np.newaxis]
        if targets.ndim == 1:
            true_class = (rows, targets)
            true_scores = scores[true_class]
        else:
            true_scores = np.einsum("ij,ij->i", scores, targets)
        np.exp(scores, out=scores)
        normalisers = scores.sum(axis=1, keepdims=True)
        scores /= normalisers
        if targets.ndim == 1:
            scores[true_class] -= 1
        else:
            scores -= targets
        return float((np.log(normalisers[:, 0]) - true_scores).mean())

    def _update(self, inputs: Float32, hidden: Float32, dscores: Float32) -> None:
        net, n = self._net, len(inputs)
        active, dhidden = self._active[:n], self._dhidden[:n]
        db2 = dscores.sum(axis=0)
        if self._dropout.is_on:
            dscores *= self._dropout.scale
        np.matmul(dscores, net["W2"].T, out=dhidden)
        # Units left out are inactive too: dropout has set them to 0.
        np.greater(hidden, 0, out=active)
        dhidden *= active
        np.matmul(hidden.T, dscores, out=self._dW2)
        decay, descend = 2 * self._reg, self._optimizer.descend
        squares = 0.0
        for block, tiles in self._blocks:
            dW1 = self._dW1[:, : block.stop - block.start]
            np.matmul(inputs.T, dhidden[:, block], out=dW1)
            for tile in tiles:
                W1 = net["W1"][:, tile]
                gradient = dW1[:, tile.start - block.start : tile.stop - block.start]
                descend("W1", W1, gradient, decay, tile)
                squares += _sum_of_squares(W1)
        descend("W2", net["W2"], self._dW2, decay)
        self._squares = squares, _sum_of_squares(net["W2"])
        descend("b1", net["b1"], dhidden.sum(axis=0), 0.0)
        descend("b2", net["b2"], db2, 0.0)


def _cut(whole: slice, size: int) -> list[slice]:
    """Pieces of `size`; the last may be shorter."""
    starts = range(whole.start, whole.stop, size)
    return [slice(start, min(start + size, whole.stop)) for start in starts]


def _cut_evenly(n: int, largest: int) -> list[slice]:
    """The range from 0 to `n` in few pieces, of whole vectors, about as long each."""
    n_pieces = math.ceil(n / largest)
    return _cut(slice(0, n), math.ceil(n / n_pieces / _VECTOR) * _VECTOR)


def _sum_of_squares(weights: Float32) -> float:
    flat = weights.ravel(order="K")
    return float(flat @ flat)
