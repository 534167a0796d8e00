"""Optimizers: plain gradient descent, Nesterov's momentum, Adam.

An optimizer is called once for each step (`begin`), then for each array or part of one (`descend`).
Its state between steps is a dict of arrays that the caller owns.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.optimizer_state import OptimizerState, flush_to_zero

__all__ = ["StepRule", "flatten", "make_optimizer"]

Float32 = NDArray[np.float32]

ALL = slice(None)
# Kingma & Ba 2015, algorithm 1.
_BETA2, _EPSILON = 0.999, 1e-8


class StepRule(Protocol):
    """Interface of an optimizer."""

    def begin(self, learning_rate: float) -> float:
        """Begin a step; return the factor that gradients must be multiplied by."""
        ...

    def descend(self, name: str, gradient: Float32, decay: float, part: slice = ALL) -> float:
        """Update a slice of the parameter `name`.

        Parameters
        ----------
        name : str
            W1, b1, W2 or b2.
        gradient : float32 array, 1-d
            Of the loss without weight decay, times the factor of `begin`; in the weights' order in
            memory.
        decay : float
            The gradient of the weight decay is this times the weights.
        part : slice
            Of the weights as a 1-d array.

        Returns
        -------
        float
            The sum of the new weights' squares.
        """
        ...

    def flush(self) -> None:
        """Set to 0 what has become negligible in the optimizer's state.

        The velocity of a unit that is never active again only shrinks. Below 1e-38 numbers are
        subnormal, and each operation on them takes many times as long on Intel's processors.
        """
        ...


def make_optimizer(setting: Hyperparameters, net: Parameters, memory: OptimizerState) -> StepRule:
    """Return the optimizer of `setting`, continuing from its state in `memory`.

    Parameters
    ----------
    setting : Hyperparameters
        Has its name and momentum.
    net : dict of float32 arrays
        Parameters to update, each contiguous.
    memory : dict of arrays
        Optimizer state; missing arrays are added as zeros. Changed in place from then on.
    """
    match setting.optimizer:
        case "sgd":
            return _Sgd(net)
        case "nesterov":
            return _Nesterov(net, setting.momentum, memory)
        case "adam":
            return _Adam(net, setting.momentum, memory)


def flatten(array: Float32) -> Float32:
    """Return a 1-d view of `array`.

    Raises
    ------
    ValueError
        If `array` is not contiguous.
    """
    return np.reshape(array, -1, copy=False)


def _flatten_all(arrays: Parameters) -> Parameters:
    return {name: flatten(array) for name, array in arrays.items()}


def _recall(what: str, net: Parameters, memory: OptimizerState) -> Parameters:
    """Return 1-d views of the state `what` for each parameter, after adding missing arrays."""
    for name, array in net.items():
        key = f"{what}.{name}"
        memory[key] = np.ascontiguousarray(memory.get(key, np.zeros_like(array)))
    return {name: flatten(memory[f"{what}.{name}"]) for name in net}


class _Sgd:
    """w <- w - rate * (gradient + decay * w)."""

    def __init__(self, net: Parameters) -> None:
        self._weights = _flatten_all(net)

    def begin(self, learning_rate: float) -> float:
        self._rate = learning_rate
        return learning_rate

    def descend(self, name: str, gradient: Float32, decay: float, part: slice = ALL) -> float:
        keep = np.float32(1 - self._rate * decay)
        return _take_sgd_step(self._weights[name][part], gradient, keep)

    def flush(self) -> None:
        pass


class _Nesterov:
    """Sutskever et al. 2013, equations 3 and 4, with the weights at the look-ahead point."""

    def __init__(self, net: Parameters, momentum: float, memory: OptimizerState) -> None:
        self._weights = _flatten_all(net)
        self._momentum = np.float32(momentum)
        self._velocity = _recall("velocity", net, memory)

    def begin(self, learning_rate: float) -> float:
        self._rate = learning_rate
        return learning_rate

    def descend(self, name: str, gradient: Float32, decay: float, part: slice = ALL) -> float:
        return _take_nesterov_step(
            self._weights[name][part],
            gradient,
            self._velocity[name][part],
            np.float32(self._rate * decay),
            self._momentum,
        )

    def flush(self) -> None:
        flush_to_zero(self._velocity.values())


class _Adam:
    """Kingma & Ba 2015, with decoupled weight decay: Loshchilov & Hutter 2019."""

    def __init__(self, net: Parameters, beta1: float, memory: OptimizerState) -> None:
        self._weights = _flatten_all(net)
        self._beta1 = beta1
        self._steps = memory.setdefault("adam_steps", np.zeros((), np.int64))
        self._mean = _recall("mean", net, memory)
        self._square = _recall("square", net, memory)

    def begin(self, learning_rate: float) -> float:
        self._steps += 1
        n = int(self._steps)
        self._rate = learning_rate
        self._mean_factor = np.float32(learning_rate / (1 - self._beta1**n))
        self._square_factor = np.float32(1 / (1 - _BETA2**n))
        return 1.0

    def descend(self, name: str, gradient: Float32, decay: float, part: slice = ALL) -> float:
        return _take_adam_step(
            self._weights[name][part],
            gradient,
            self._mean[name][part],
            self._square[name][part],
            np.float32(1 - self._rate * decay),
            np.float32(1 - self._beta1),
            self._mean_factor,
            self._square_factor,
        )

    def flush(self) -> None:
        flush_to_zero(self._mean.values())
        flush_to_zero(self._square.values())


@compiled("float32(float32, float32)", reorders=True)
def _plus_square(total: np.float32, weight: np.float32) -> np.float32:
    return total + weight * weight


@compiled("float64(float32[::1], float32[::1], float32)")
def _take_sgd_step(weights: Float32, gradient: Float32, keep: np.float32) -> float:
    squares = np.float32(0)
    for i in range(len(weights)):
        weight = weights[i] * keep - gradient[i]
        weights[i] = weight
        squares = _plus_square(squares, weight)
    return float(squares)


@compiled("float64(float32[::1], float32[::1], float32[::1], float32, float32)")
def _take_nesterov_step(
    weights: Float32,
    gradient: Float32,
    velocity: Float32,
    decay: np.float32,
    momentum: np.float32,
) -> float:
    squares = np.float32(0)
    for i in range(len(weights)):
        step = gradient[i] + weights[i] * decay
        velocity[i] = velocity[i] * momentum - step
        weight = weights[i] - step + velocity[i] * momentum
        weights[i] = weight
        squares = _plus_square(squares, weight)
    return float(squares)


@compiled(
    "float64(float32[::1], float32[::1], float32[::1], float32[::1],"
    " float32, float32, float32, float32)"
)
def _take_adam_step(
    weights: Float32,
    gradient: Float32,
    mean: Float32,
    square: Float32,
    keep: np.float32,
    news: np.float32,
    mean_factor: np.float32,
    square_factor: np.float32,
) -> float:
    squares = np.float32(0)
    for i in range(len(weights)):
        mean[i] += (gradient[i] - mean[i]) * news
        square[i] += (gradient[i] * gradient[i] - square[i]) * np.float32(1 - _BETA2)
        spread = np.sqrt(square[i] * square_factor) + np.float32(_EPSILON)
        weight = weights[i] * keep - mean_factor * mean[i] / spread
        weights[i] = weight
        squares = _plus_square(squares, weight)
    return float(squares)
