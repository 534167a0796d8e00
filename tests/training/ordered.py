"""A product of matrices as training defines it, to the bit."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["multiply_in_order"]


def multiply_in_order(
    left: NDArray[np.float32], right: NDArray[np.float32], start: NDArray[np.float32] | float = 0
) -> NDArray[np.float32]:
    """start + left @ right: one product after the other, rounded once it has been added.

    A product of two float32 is exact in float64. The sum is rounded there, too, before it is
    in float32; that this should change it has a chance of one in 2**29.
    """
    total = np.zeros((len(left), right.shape[1]), np.float32) + np.float32(start)
    for k in range(left.shape[1]):
        products = left[:, k, np.newaxis].astype(np.float64) * right[k].astype(np.float64)
        total = (total + products).astype(np.float32)
    return total
