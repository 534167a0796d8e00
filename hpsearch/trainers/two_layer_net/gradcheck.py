"""Gradient checking with central differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["eval_numerical_gradient", "rel_error"]


def eval_numerical_gradient(
    f: Callable[[NDArray[Any]], float], x: NDArray[Any], verbose: bool = True, h: float = 1e-5
) -> NDArray[Any]:
    """Gradient of `f` at `x` by central differences; error O(h**2).

    Parameters
    ----------
    f : callable
        Takes an array like `x`, returns a float. It may ignore its argument and read `x` itself,
        which is changed in place one entry at a time and restored.
    x : float array, any shape
        Point at which to differentiate.
    verbose : bool
        Whether to print each index with its slope.
    h : float
        Half the distance between the two evaluations.

    Returns
    -------
    float array, shape of `x`
        The gradient.
    """
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        here = x[index]
        x[index] = here + h
        above = f(x)
        x[index] = here - h
        below = f(x)
        x[index] = here
        gradient[index] = (above - below) / (2 * h)
        if verbose:
            print(index, gradient[index])
    return gradient


def rel_error(x: Any, y: Any) -> float:
    """Largest relative difference |x - y| / (|x| + |y|), with a denominator of at least 1e-8.

    Parameters
    ----------
    x, y : float arrays, equal shapes
        Arrays to compare.
    """
    x, y = np.asarray(x), np.asarray(y)
    return float(np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y))))
