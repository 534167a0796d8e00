"""Class scores of a trained net: the same arithmetic for validation, test and use."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.net import Parameters

__all__ = ["score"]


def score(net: Parameters, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unnormalised class scores of each row of `inputs`, shape (N, C).

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,).
    inputs : float32 array, shape (N, n_inputs)
        Preprocessed examples.
    """
    hidden = inputs @ net["W1"]
    hidden += net["b1"]
    np.maximum(hidden, 0, out=hidden)
    scores: NDArray[np.float32] = hidden @ net["W2"]
    scores += net["b2"]
    return scores
