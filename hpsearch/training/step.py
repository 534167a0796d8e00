"""One step of gradient descent: the arithmetic of `hpsearch.net` without new arrays."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.net import Parameters
from hpsearch.training.compiling import compiled
from hpsearch.training.cross_entropy import differentiate_cross_entropy
from hpsearch.training.dropout import Dropout
from hpsearch.training.hyperparameters import Hyperparameters
from hpsearch.training.locality import apply_soft_threshold
from hpsearch.training.memory import Memory
from hpsearch.training.optimizers import flatten, make_optimizer

__all__ = ["Step"]

Float32 = NDArray[np.float32]

# Weights in a product: with more the result leaves the cache. But of so many inputs at least, as
# BLAS is slower with fewer, and of a multiple of what fits into one of its registers.
_BLOCK_SIZE = 256 * 3072
_BLOCK_INPUTS = 256
_VECTOR = 16


@dataclass(frozen=True)
class _Block:
    """Some inputs' weights in W1: `rows` of it, and `part` of it as it lies in memory."""

    rows: slice
    part: slice
    gradient: Float32  # room for it, shape (rows, H)
    flat_gradient: Float32  # the same numbers, 1-d


class Step:
    """Updates a net on one batch after the other.

    Of all that a step costs, two products are the floor: inputs by W1, and inputs by the
    hidden layer's gradient. What else goes over large arrays does so once, in compiled loops;
    over W1 block by block of inputs, while the second product of a block is still in a cache.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,); changed in place. The weights of an input are
        neighbours: with AVX-512 the products are quicker by a twentieth than if those of a
        hidden unit were.
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
        net["W1"] = np.ascontiguousarray(net["W1"])
        batch_size = setting.batch_size
        n_inputs, n_hidden = net["W1"].shape
        n_classes = len(net["b2"])
        self._net, self._setting = net, setting
        self._optimizer = make_optimizer(setting, net, memory)
        self._dropout = Dropout(setting.dropout, rng)
        self._hidden = np.empty((batch_size, n_hidden), np.float32)
        self._dhidden = np.empty((batch_size, n_hidden), np.float32)
        self._scores = np.empty((batch_size, n_classes), np.float32)
        self._dW2 = np.empty((n_hidden, n_classes), np.float32)
        self._flat_dW2 = flatten(self._dW2)
        self._db1, self._db2 = np.empty_like(net["b1"]), np.empty_like(net["b2"])
        self._blocks = tuple(_cut_into_blocks(n_inputs, n_hidden))
        self._squares = self._sum_squares()

    def __call__(
        self, inputs: Float32, targets: Float32, learning_rate: float
    ) -> tuple[float, int]:
        """Update the net on a batch.

        Parameters
        ----------
        inputs : float32 array, shape (n, D)
            The batch.
        targets : float32 array, shape (n, C)
            Shares of its classes, each row of sum 1.
        learning_rate : float
            Step size.

        Returns
        -------
        loss : float
            Of the net as it was before; nan or inf if training has diverged.
        n_correct : int
            Images that it had right.
        """
        hidden, scores = self._forward(inputs)
        # From here on gradients carry the optimizer's factor: scaling (n, C) numbers now saves
        # a pass over all of W1 later.
        factor = np.float32(self._optimizer.begin(learning_rate) / len(targets))
        loss, n_correct = differentiate_cross_entropy(scores, targets, factor, self._db2)
        loss += self._setting.reg * self._squares
        self._update(inputs, hidden, scores)
        return loss, n_correct

    def flush(self) -> None:
        """Set to 0 what the optimizer remembers and has come to nothing; now and then."""
        self._optimizer.flush()

    def shrink_first_weights(self, directions: Float32 | None, share: float) -> None:
        """`apply_soft_threshold` to the net's W1."""
        apply_soft_threshold(self._net["W1"], directions, share)
        self._squares = self._sum_squares()

    def _forward(self, inputs: Float32) -> tuple[Float32, Float32]:
        net, n = self._net, len(inputs)
        hidden, scores = self._hidden[:n], self._scores[:n]
        np.matmul(inputs, net["W1"], out=hidden)
        _rectify(hidden, net["b1"])
        if self._dropout.is_on:
            self._dropout.drop(hidden)
        np.matmul(hidden, net["W2"], out=scores)
        if self._dropout.is_on:
            scores *= self._dropout.scale
        scores += net["b2"]
        return hidden, scores

    def _update(self, inputs: Float32, hidden: Float32, dscores: Float32) -> None:
        net, descend, decay = self._net, self._optimizer.descend, 2 * self._setting.reg
        dhidden = self._dhidden[: len(inputs)]
        if self._dropout.is_on:
            dscores *= self._dropout.scale
        np.matmul(dscores, net["W2"].T, out=dhidden)
        _rectify_gradient(dhidden, hidden, self._db1)
        np.matmul(hidden.T, dscores, out=self._dW2)
        self._squares = descend("W2", self._flat_dW2, decay)
        for block in self._blocks:
            np.matmul(inputs.T[block.rows], dhidden, out=block.gradient)
            self._squares += descend("W1", block.flat_gradient, decay, block.part)
        descend("b1", self._db1, 0.0)
        descend("b2", self._db2, 0.0)

    def _sum_squares(self) -> float:
        """The sum of squared weights, to the bit as the step that made them found it.

        Added up in another order it would be another number, and a training taken up again
        another than one never stopped: so it is found by a step that leads nowhere. 0 if the
        loss does without it.
        """
        if not self._setting.reg:
            return 0.0
        copies = {name: self._net[name].copy() for name in ("W2", "W1")}
        optimizer = make_optimizer(self._setting, copies, {})
        optimizer.begin(0.0)
        squares = optimizer.descend("W2", np.zeros(copies["W2"].size, np.float32), 0.0)
        for block in self._blocks:
            still = np.zeros_like(block.flat_gradient)
            squares += optimizer.descend("W1", still, 0.0, block.part)
        return squares


@compiled("void(float32[:, ::1], float32[::1])")
def _rectify(hidden: Float32, b1: Float32) -> None:
    """Add `b1` and leave what is above 0, in place."""
    for i in range(len(hidden)):
        for j in range(len(b1)):
            value = hidden[i, j] + b1[j]
            hidden[i, j] = np.float32(0) if value < 0 else value  # nan stays, and is noticed


@compiled("void(float32[:, ::1], float32[:, ::1], float32[::1])")
def _rectify_gradient(dhidden: Float32, hidden: Float32, db1: Float32) -> None:
    """Leave of `dhidden` what belongs to active units, in place, and sum it up in `db1`.

    Units that dropout has left out are not active: it has set them to 0.
    """
    db1[:] = 0
    for i in range(len(hidden)):
        for j in range(len(db1)):
            value = dhidden[i, j] if hidden[i, j] > 0 else np.float32(0)
            dhidden[i, j] = value
            db1[j] += value


def _cut_into_blocks(n_inputs: int, n_hidden: int) -> Iterator[_Block]:
    """All of W1, in blocks whose gradients take turns in the same memory."""
    slices = _cut_evenly(n_inputs, max(_BLOCK_INPUTS, _BLOCK_SIZE // n_hidden))
    room = np.empty((slices[0].stop, n_hidden), np.float32)
    for rows in slices:
        gradient = room[: rows.stop - rows.start]
        part = slice(rows.start * n_hidden, rows.stop * n_hidden)
        yield _Block(rows, part, gradient, flatten(gradient))


def _cut_evenly(n: int, largest: int) -> list[slice]:
    """The range from 0 to `n` in few pieces, of whole vectors, about as long each."""
    n_pieces = math.ceil(n / largest)
    size = math.ceil(n / n_pieces / _VECTOR) * _VECTOR
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
