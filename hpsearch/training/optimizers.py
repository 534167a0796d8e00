"""How gradients move the weights: plain steps, Nesterov's momentum, Adam.

An optimizer is told of each step once (`begin`), then of each array, or tile of one, in it
(`descend`). What it remembers between steps is in a dict of arrays that the caller keeps.
"""

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.net import Parameters
from hpsearch.training.hyperparameters import Hyperparameters

__all__ = ["Memory", "StepRule", "flush_to_zero", "make_optimizer"]

Float32 = NDArray[np.float32]
Memory: TypeAlias = dict[str, NDArray[Any]]

ALL = slice(None)
# Kingma & Ba 2015, algorithm 1.
_BETA2, _EPSILON = 0.999, 1e-8
# Far below what can change a weight, and above 1.2e-38, where float32 becomes slow, by more than
# what a factor of 0.8 makes of it between two flushes.
_NOTHING = 1e-30


class StepRule(Protocol):
    """What an optimizer does."""

    def begin(self, learning_rate: float) -> float:
        """Take note of a step's rate; what gradients shall carry as a factor."""
        ...

    def descend(
        self, name: str, weights: Float32, gradient: Float32, decay: float, tile: slice = ALL
    ) -> None:
        """Move `weights`, the columns `tile` of the parameter `name`.

        Parameters
        ----------
        name : str
            W1, b1, W2 or b2.
        weights : float32 array
            Changed in place.
        gradient : float32 array
            Of the loss without its weight decay, times the factor of `begin`; overwritten.
        decay : float
            The gradient of the weight decay is this times the weights.
        tile : slice
            Of the last axis.
        """
        ...

    def flush(self) -> None:
        """Set to 0 what is remembered and has come to nothing.

        The velocity of a unit that is never active again only shrinks. Below 1e-38, where it
        would stay for good, Intel's processors take many times as long for each operation.
        """
        ...


def make_optimizer(setting: Hyperparameters, net: Parameters, memory: Memory) -> StepRule:
    """The optimizer that `setting` names, going on from what is in `memory`.

    Parameters
    ----------
    setting : Hyperparameters
        Names it.
    net : dict of float32 arrays
        What it will move.
    memory : dict of arrays
        Filled with zeros for what is not there yet; changed in place from then on.
    """
    match setting.optimizer:
        case "sgd":
            return _Sgd()
        case "nesterov":
            return _Nesterov(setting.momentum, _recall("velocity", net, memory))
        case "adam":
            steps = memory.setdefault("adam_steps", np.zeros((), np.int64))
            mean, square = _recall("mean", net, memory), _recall("square", net, memory)
            return _Adam(setting.momentum, mean, square, steps)


def _recall(what: str, net: Parameters, memory: Memory) -> Parameters:
    return {
        name: memory.setdefault(f"{what}.{name}", np.zeros_like(array))
        for name, array in net.items()
    }


def flush_to_zero(remembered: Iterable[Float32]) -> None:
    """Set to 0 what is so near to it that it can change nothing any more, in place."""
    for array in remembered:
        array[np.abs(array) < _NOTHING] = 0


class _Sgd:
    """w <- w - rate * (gradient + decay * w)."""

    def begin(self, learning_rate: float) -> float:
        self._rate = learning_rate
        return learning_rate

    def descend(
        self,
        name: str,  # noqa: ARG002 - it remembers nothing of any parameter
        weights: Float32,
        gradient: Float32,
        decay: float,
        tile: slice = ALL,  # noqa: ARG002
    ) -> None:
        if decay:
            weights *= np.float32(1 - self._rate * decay)
        weights -= gradient

    def flush(self) -> None:
        pass


class _Nesterov:
    """Sutskever et al. 2013, equations 3 and 4, seen from the point that is looked ahead to."""

    def __init__(self, momentum: float, velocity: Parameters) -> None:
        self._momentum = np.float32(momentum)
        self._velocity = velocity

    def begin(self, learning_rate: float) -> float:
        self._rate = learning_rate
        return learning_rate

    def descend(
        self, name: str, weights: Float32, gradient: Float32, decay: float, tile: slice = ALL
    ) -> None:
        velocity = self._velocity[name][..., tile]
        if decay:
            gradient += weights * np.float32(self._rate * decay)
        velocity *= self._momentum
        velocity -= gradient
        weights -= gradient
        weights += np.multiply(velocity, self._momentum, out=gradient)

    def flush(self) -> None:
        flush_to_zero(self._velocity.values())


class _Adam:
    """Kingma & Ba 2015, with the decay beside the gradient: Loshchilov & Hutter 2019."""

    def __init__(
        self, beta1: float, mean: Parameters, square: Parameters, steps: NDArray[np.int64]
    ) -> None:
        self._beta1 = beta1
        self._mean, self._square, self._steps = mean, square, steps

    def begin(self, learning_rate: float) -> float:
        self._steps += 1
        n = int(self._steps)
        self._rate = learning_rate
        self._mean_factor = np.float32(learning_rate / (1 - self._beta1**n))
        self._square_factor = np.float32(1 / (1 - _BETA2**n))
        return 1.0

    def descend(
        self, name: str, weights: Float32, gradient: Float32, decay: float, tile: slice = ALL
    ) -> None:
        mean, square = self._mean[name][..., tile], self._square[name][..., tile]
        mean += (gradient - mean) * np.float32(1 - self._beta1)
        square += (np.square(gradient) - square) * np.float32(1 - _BETA2)
        np.sqrt(square * self._square_factor, out=gradient)
        gradient += np.float32(_EPSILON)
        if decay:
            weights *= np.float32(1 - self._rate * decay)
        weights -= self._mean_factor * mean / gradient

    def flush(self) -> None:
        flush_to_zero(self._mean.values())
        flush_to_zero(self._square.values())
