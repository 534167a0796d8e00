"""Paired tests of two models on the same examples: McNemar's for accuracy, else a t-test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pairing", "compare_on_images", "compare_scores"]


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
