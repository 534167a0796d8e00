"""Averaging of weights over epochs, so that the net is less noisy than after any one step."""

import numpy as np

from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.optimizer_state import OptimizerState, flush_to_zero

__all__ = ["averaged", "take_into_average"]

_PREFIX = "average."


def take_into_average(net: Parameters, memory: OptimizerState, n_epochs: int, number: int) -> None:
    """Update the average in `memory` with `net`, after epoch `number`.

    It is the mean over the first `n_epochs` epochs, and then an exponential moving average with the
    weight 1 / n_epochs.

    Parameters
    ----------
    net : dict of float32 arrays
        Current parameters.
    memory : dict of arrays
        Contains the average; changed in place.
    n_epochs : int
        Epochs to average over.
    number : int
        The epoch, from 1.
    """
    weight = np.float32(1 / min(number, n_epochs))
    for name, array in net.items():
        mean = memory.setdefault(_PREFIX + name, np.zeros_like(array))
        mean += (array - mean) * weight
        # The average of weights that stay 0 only shrinks: to subnormal numbers, which are slow.
        flush_to_zero([mean])


def averaged(net: Parameters, memory: OptimizerState) -> Parameters:
    """Return the net to be used: the average if `memory` has one, else `net` itself."""
    return {name: memory.get(_PREFIX + name, array) for name, array in net.items()}
