"""Confidence intervals of a probability and of a mean."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Z_95", "mean_interval", "wilson_interval"]

# Standard normal quantile of a two-sided 95 % interval.
Z_95 = 1.959963984540054


def wilson_interval(n_hits: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Compute Wilson's interval of a probability, from `n_hits` successes in `n` trials.

    Parameters
    ----------
    n_hits : float
        Successes.
    n : int
        Trials.
    z : float
        Standard normal quantile of the upper end; by default that of 95 %.

    Notes
    -----
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Unlike the estimate plus or minus two standard errors, it has its coverage near 0 and 1 too.

    Raises
    ------
    ValueError
        If `n` is 0, or `n_hits` is not between 0 and `n`.
    """
    if not 0 <= n_hits <= n or not n:
        raise ValueError(f"n_hits: expected between 0 and n of at least 1, got {n_hits} of {n}")
    share = n_hits / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    # min and max: rounding must not exclude the estimate from its interval.
    low, high = (middle - half) / scale, (middle + half) / scale
    return max(0.0, min(share, low)), min(1.0, max(share, high))


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Compute the normal 95 % interval of the mean of `values`, shape (N,)."""
    mean = float(values.mean())
    half = Z_95 * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean - half, mean + half
