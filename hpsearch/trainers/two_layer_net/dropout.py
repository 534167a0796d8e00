"""Dropout: setting random units to 0, others in each step."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled

__all__ = ["Dropout"]


class Dropout:
    """Sets a share of values to 0. Srivastava et al. 2014, in its inverted form.

    Parameters
    ----------
    rate : float
        Share, at least 0 and below 1; rounded to a multiple of 1/256, as one random byte is drawn
        for each value.
    rng : numpy.random.Generator
        Draws the bytes.
    """

    def __init__(self, rate: float, rng: np.random.Generator) -> None:
        self._n_lost = min(round(rate * 256), 255)
        self._rng = rng

    @property
    def is_on(self) -> bool:
        """Whether anything is dropped at all."""
        return self._n_lost > 0

    @property
    def scale(self) -> np.float32:
        """Factor for the remaining values that preserves the expected sum."""
        return np.float32(256 / (256 - self._n_lost))

    def drop(self, values: NDArray[np.float32]) -> None:
        """Zero a random share of `values` in place; the others are not scaled."""
        chance = np.frombuffer(self._rng.bytes(values.size), np.uint8)
        _drop(values.reshape(-1, copy=False), chance, self._n_lost)


@compiled("void(float32[::1], Array(uint8, 1, 'C', readonly=True), int64)")
def _drop(values: NDArray[np.float32], chance: NDArray[np.uint8], n_lost: int) -> None:
    for i in range(len(values)):
        values[i] = np.float32(0) if chance[i] < n_lost else values[i]
