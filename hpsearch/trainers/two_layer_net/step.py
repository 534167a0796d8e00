"""One step of gradient descent: the arithmetic of `net.py` without allocations."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.cross_entropy import differentiate_cross_entropy
from hpsearch.trainers.two_layer_net.dropout import Dropout
from hpsearch.trainers.two_layer_net.first_layer import Inputs, make_first_layer
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.locality import apply_soft_threshold
from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.optimizer_state import OptimizerState
from hpsearch.trainers.two_layer_net.optimizers import flatten, make_optimizer
from hpsearch.trainers.two_layer_net.products import (
    LANES,
    NetLayout,
    cut_into_parts,
    multiply,
    multiply_transposed,
    zeros,
)

__all__ = ["BatchLoss", "Step"]

Float32 = NDArray[np.float32]
BatchLoss: TypeAlias = Callable[[Float32, Float32, np.float32, Float32], tuple[float, float]]


class Step:
    """Updates a net on one batch after the other.

    Two products take most of a step: inputs @ W1, and inputs.T @ the hidden layer's gradient. All
    other operations on large arrays go over them once, in compiled loops; those on W1 part by part,
    while the gradient of the part is still in a cache.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,). Steps update a copy of it, in blocks and panels;
        `write_back` updates the net.
    setting : Hyperparameters
        Optimizer, regularization and dropout are taken from it.
    rng : numpy.random.Generator
        For dropout.
    memory : dict of arrays
        The optimizer's state, in the layout of the copy; changed in place.
    loss : callable
        Computes the loss of a batch, replaces scores by their gradient, and returns the loss and
        the total of the metric: `differentiate_cross_entropy` or `differentiate_squared_error`.
    """

    def __init__(
        self,
        net: Parameters,
        setting: Hyperparameters,
        rng: np.random.Generator,
        memory: OptimizerState,
        loss: BatchLoss = differentiate_cross_entropy,
    ) -> None:
        self._loss = loss
        self._whole, self._setting = net, setting
        self._layout = NetLayout.of(net)
        self._net = self._layout.cut(net)
        self._optimizer = make_optimizer(setting, self._net, memory)
        self._dropout = Dropout(setting.dropout, rng)
        self._buffers: dict[int, _Buffers] = {}
        self._parts = cut_into_parts(self._net["W1"].shape)
        self._W1_squares = [0.0] * len(self._parts)
        self._gradients = {name: zeros(self._net[name].shape) for name in ("b1", "W2", "b2")}
        self._flat = {name: flatten(array) for name, array in self._gradients.items()}
        self._W2 = _W2ByClasses(self._layout)
        self._squares = self._sum_squares()

    def __call__(
        self, inputs: Inputs, targets: Float32, learning_rate: float
    ) -> tuple[float, float]:
        """Update the net on a batch.

        Parameters
        ----------
        inputs : float32 array, shape (B, n, K); or PackedPixels
            The batch, in blocks; of the same kind at each call.
        targets : float32 array, shape (n, C)
            Class probabilities, each row of sum 1; or standardised targets.
        learning_rate : float
            Step size.

        Returns
        -------
        loss : float
            Before the update; nan or inf if training has diverged.
        count : float
            Number of examples classified correctly; for regression the sum of squared errors.
        """
        n, n_classes = targets.shape
        if n not in self._buffers:
            self._buffers[n] = _Buffers(self._layout, inputs, n)
        buffers = self._buffers[n]
        self._forward(inputs, buffers)
        # From here on gradients include the optimizer's factor: scaling (n, C) numbers now saves
        # a pass over all of W1 later.
        factor = np.float32(self._optimizer.begin(learning_rate) / n)
        db2 = self._flat["b2"][:n_classes]
        loss, count = self._loss(buffers.scores, targets, factor, db2)
        loss += self._setting.reg * self._squares
        self._update(inputs, buffers)
        return loss, count

    def flush(self) -> None:
        """Set to 0 what has become negligible in the optimizer's state; call now and then."""
        self._optimizer.flush()

    def write_back(self) -> None:
        """Copy the updated parameters to the net that was passed in."""
        for name, array in self._layout.join(self._net).items():
            self._whole[name][...] = array

    def shrink_first_weights(self, directions: Float32 | None, share: float) -> None:
        """Apply `apply_soft_threshold` to W1."""
        net = self._layout.join(self._net)
        apply_soft_threshold(net["W1"], directions, share)
        self._net["W1"][...] = self._layout.cut(net)["W1"]
        self._squares = self._sum_squares()

    def _forward(self, inputs: Inputs, buffers: "_Buffers") -> None:
        net, hidden, dropout = self._net, buffers.hidden, self._dropout
        buffers.first_layer.multiply(inputs, net, hidden)
        _rectify(buffers.flat_hidden)
        if dropout.is_on:
            dropout.drop(hidden)
        # W2 is kept in panels of hidden units, as its gradient needs it; scores need classes.
        self._W2.by_unit[...] = net["W2"][0].swapaxes(1, 2)
        if dropout.is_on:
            self._W2.by_unit *= dropout.scale
        multiply(hidden, self._W2.panels, net["b2"][0], buffers.sums)
        buffers.scores[...] = buffers.sums_by_image

    def _update(self, inputs: Inputs, buffers: "_Buffers") -> None:
        descend, decay, flat = self._optimizer.descend, 2 * self._setting.reg, self._flat
        dscores, first = buffers.dscores, buffers.first_layer
        if self._dropout.is_on:
            dscores *= self._dropout.scale
        multiply(dscores, self._net["W2"], buffers.no_biases, buffers.dhidden)
        _rectify_gradient(buffers.flat_dhidden, buffers.flat_hidden)
        first.take_gradient()
        # b1's gradient is a sum over the batch.
        multiply_transposed(buffers.ones, buffers.dhidden, self._gradients["b1"])
        multiply_transposed(dscores, buffers.hidden, self._gradients["W2"])
        for part in self._parts:
            first.multiply_transposed(inputs, part)
            squares = descend("W1", part.flat_gradient, decay, part.place)
            self._W1_squares[part.number] = squares
        self._squares = descend("W2", flat["W2"], decay) + sum(self._W1_squares)
        descend("b1", flat["b1"], 0.0)
        descend("b2", flat["b2"], 0.0)

    def _sum_squares(self) -> float:
        """Sum the squared weights, with the same rounding as the step that updated them.

        A sum in another order would differ in its last bits, and so would the losses of a resumed
        training. So it is computed by a step with gradient and rate 0 on a copy. 0 without
        regularization.
        """
        if not self._setting.reg:
            return 0.0
        copies = {name: self._net[name].copy() for name in ("W2", "W1")}
        optimizer = make_optimizer(self._setting, copies, {})
        optimizer.begin(0.0)
        W2_squares = optimizer.descend("W2", np.zeros(copies["W2"].size, np.float32), 0.0)
        for part in self._parts:
            gradient = np.zeros_like(part.flat_gradient)
            self._W1_squares[part.number] = optimizer.descend("W1", gradient, 0.0, part.place)
        return W2_squares + sum(self._W1_squares)


class _Buffers:
    """Arrays that a step writes for a batch of `n` images."""

    def __init__(self, layout: NetLayout, inputs: Inputs, n: int) -> None:
        n_panels = layout.units.count
        self.hidden, self.dhidden = zeros((n_panels, n, LANES)), zeros((n_panels, n, LANES))
        self.flat_hidden, self.flat_dhidden = flatten(self.hidden), flatten(self.dhidden)
        self.first_layer = make_first_layer(inputs, layout, self.dhidden)
        sums = zeros((n, layout.classes.count * LANES))
        self.sums = sums.reshape(n, -1, LANES).swapaxes(0, 1)  # in panels of classes
        self.sums_by_image = sums[:, : layout.classes.length]
        self.scores = np.empty((n, layout.classes.length), np.float32)
        self.dscores = self.scores[np.newaxis]  # the gradient, as one block
        self.ones = np.ones((1, n, 1), np.float32)
        self.no_biases = zeros((n_panels, 1, LANES))


class _W2ByClasses:
    """Buffer for W2 in panels of classes, as scores need it: two views of the same memory."""

    def __init__(self, layout: NetLayout) -> None:
        buffer = zeros((layout.units.count, LANES, layout.classes.count * LANES))
        self.by_unit = buffer[:, :, : layout.classes.length]
        self.panels = buffer.reshape(len(buffer), LANES, -1, LANES).swapaxes(1, 2)


@compiled("void(float32[::1])")
def _rectify(hidden: Float32) -> None:
    """Apply ReLU in place."""
    for i in range(len(hidden)):
        # nan stays, so that divergence is detected
        hidden[i] = np.float32(0) if hidden[i] < 0 else hidden[i]


@compiled("void(float32[::1], float32[::1])")
def _rectify_gradient(dhidden: Float32, hidden: Float32) -> None:
    """Set `dhidden` to 0 for inactive units, in place.

    Units that dropout has set to 0 count as inactive.
    """
    for i in range(len(hidden)):
        dhidden[i] = dhidden[i] if hidden[i] > 0 else np.float32(0)
