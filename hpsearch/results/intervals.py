"""Intervals of a share, and of a mean."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Z_95", "mean_interval", "wilson_interval"]

# The normal distribution's quantile for 95 % between both sides.
Z_95 = 1.959963984540054


def wilson_interval(n_hits: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Score interval for a probability, from `n_hits` successes in `n` trials; 95 % by default.

    Parameters
    ----------
    n_hits : float
        Successes.
    n : int
        Trials.
    z : float
        Normal quantile of the interval's upper end.

    Notes
    -----
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Unlike the estimate plus or minus two standard errors it holds near 0 and 1 too.

    Raises
    ------
    ValueError
        If there is no trial, or `n_hits` is not between 0 and `n`.
    """
    if not 0 <= n_hits <= n or not n:
        raise ValueError(f"n_hits: expected between 0 and n of at least 1, got {n_hits} of {n}")
    share = n_hits / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    # min and max: rounding must not put an end on the wrong side of the share.
    low, high = (middle - half) / scale, (middle + half) / scale
    return max(0.0, min(share, low)), min(1.0, max(share, high))


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean of `values`, shape (N,), by the central limit theorem."""
    mean = float(values.mean())
    half = Z_95 * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean - half, mean + half
