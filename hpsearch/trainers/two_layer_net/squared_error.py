"""Squared error of a batch's outputs and its gradient, for regression."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled

__all__ = ["differentiate_squared_error"]

Float32 = NDArray[np.float32]


@compiled("UniTuple(float64, 2)(float32[:, ::1], float32[:, ::1], float32, float32[::1])")
def differentiate_squared_error(
    outputs: Float32, targets: Float32, factor: np.float32, sums: Float32
) -> tuple[float, float]:
    """Compute the mean squared error of `outputs`; its gradient replaces them.

    Parameters
    ----------
    outputs : float32 array, shape (n, C)
        Predictions; overwritten by n times the gradient, times `factor`.
    targets : float32 array, shape (n, C)
        Standardised targets.
    factor : float32
        What the gradient is multiplied by.
    sums : float32 array, shape (C,)
        Overwritten by the gradient's sum over the batch.

    Returns
    -------
    loss : float
        Mean over the batch of the squared errors' sum; nan or inf if outputs are.
    total : float
        The sum over the batch.
    """
    sums[:] = 0
    total = 0.0
    for i in range(len(outputs)):
        for j in range(outputs.shape[1]):
            error = outputs[i, j] - targets[i, j]
            # float64: when training diverges, squared errors overflow later.
            total += np.float64(error) * np.float64(error)
            gradient = np.float32(2) * error * factor
            outputs[i, j] = gradient
            sums[j] += gradient
    return total / len(outputs), total
