"""What training remembers between steps and epochs, beside the net."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Memory", "flush_to_zero"]

Memory: TypeAlias = dict[str, NDArray[Any]]

# Far below what can change a weight, and above 1.2e-38, where float32 becomes slow, by more than
# what a factor of 0.8 makes of it between two flushes.
_NOTHING = 1e-30


def flush_to_zero(remembered: Iterable[NDArray[np.float32]]) -> None:
    """Set to 0 what is so near to it that it can change nothing any more, in place."""
    for array in remembered:
        array[np.abs(array) < _NOTHING] = 0
