"""Averaging weights over epochs: a net in the middle of where training wanders."""

import numpy as np

from hpsearch.net import Parameters
from hpsearch.training.memory import Memory, flush_to_zero

__all__ = ["averaged", "take_into_average"]

_PREFIX = "average."


def take_into_average(net: Parameters, memory: Memory, n_epochs: int, number: int) -> None:
    """Move the average in `memory` towards `net`, after epoch `number`.

    The plain mean over the first `n_epochs` epochs, from then on an exponential one that
    forgets as fast.

    Parameters
    ----------
    net : dict of float32 arrays
        As it is now.
    memory : dict of arrays
        Where the average is kept; changed in place.
    n_epochs : int
        Epochs that it looks back.
    number : int
        Of the epoch, from 1.
    """
    weight = np.float32(1 / min(number, n_epochs))
    for name, array in net.items():
        mean = memory.setdefault(_PREFIX + name, np.zeros_like(array))
        mean += (array - mean) * weight
        # Of a unit whose weights are 0 the average only shrinks, into numbers that are slow.
        flush_to_zero([mean])


def averaged(net: Parameters, memory: Memory) -> Parameters:
    """The net to be used: the average if one is kept, else `net` itself."""
    return {name: memory.get(_PREFIX + name, array) for name, array in net.items()}
