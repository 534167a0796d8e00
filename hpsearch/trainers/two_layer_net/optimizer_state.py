"""Optimizer state: arrays that training keeps between steps and epochs, besides the net."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["OptimizerState", "flush_to_zero"]

# Also contains the average of the weights, if one is kept.
OptimizerState: TypeAlias = dict[str, NDArray[Any]]

# Far below what can change a weight. Numbers above it stay above 1.2e-38, the smallest normal
# float32, if they are multiplied by 0.8 in each of the 64 steps until the next flush.
_NOTHING = 1e-30


def flush_to_zero(remembered: Iterable[NDArray[np.float32]]) -> None:
    """Set numbers to 0 that are too small to have an effect, in place."""
    for array in remembered:
        array[np.abs(array) < _NOTHING] = 0
