"""Confidence intervals, and paired tests of two models on the same examples."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Z_95",
    "Pairing",
    "compare_on_images",
    "compare_scores",
    "mean_interval",
    "wilson_interval",
]

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


@dataclass(frozen=True)
class Pairing:
    """McNemar's test of two nets on the same images.

    Parameters
    ----------
    n_first, n_second : int
        Number of images that only the first, or only the second, classifies correctly.
    p_value : float
        Exact and two-sided; the null hypothesis is that both nets are equally accurate.
    """

    n_first: int
    n_second: int
    p_value: float


def compare_on_images(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Pairing:
    """Compare two nets by McNemar's exact test.

    Parameters
    ----------
    first, second : bool array, shape (M,)
        Whether each net classifies each image correctly.

    Notes
    -----
    McNemar (1947): under the null hypothesis, the number of images that only the first net
    classifies correctly is binomial with p = 1/2, given the number on which exactly one is right.
    Selection exaggerates the winner's lead, so a lead that is not significant even here is no
    evidence of a better net.
    """
    # Equal to scipy.stats.binomtest, which takes half a second to import.
    from scipy.special import bdtr

    n_first, n_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    n = n_first + n_second
    # Twice one tail: the distribution is symmetric.
    p_value = min(1.0, 2 * float(bdtr(min(n_first, n_second), n, 0.5)))
    return Pairing(n_first, n_second, p_value)


def compare_scores(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[int, float]:
    """Compare two models by a paired t-test of their scores on the same examples.

    Parameters
    ----------
    first, second : float array, shape (M,)
        Score of each example.

    Returns
    -------
    n_differ : int
        Number of examples whose scores differ.
    p_value : float
        Two-sided; the null hypothesis is an expected difference of 0.
    """
    from scipy.special import stdtr

    differences = first - second
    n, n_differ = len(differences), int(np.count_nonzero(differences))
    if n < 2 or not (error := float(differences.std(ddof=1)) / n**0.5):
        return n_differ, 1.0 if not n_differ else 0.0
    return n_differ, float(2 * stdtr(n - 1, -abs(differences.mean()) / error))
