"""Tests of two models on the same examples: McNemar's for hits, a paired t-test for scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pairing", "compare_on_images", "compare_scores"]


@dataclass(frozen=True)
class Pairing:
    """Two nets on the same images.

    Parameters
    ----------
    n_first, n_second : int
        Images on which only the first, or only the second, is right.
    p_value : float
        Of the exact McNemar test: how often two equally good nets would differ at least so much.
    """

    n_first: int
    n_second: int
    p_value: float


def compare_on_images(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Pairing:
    """Compare two nets on the images about which exactly one of them is right.

    Parameters
    ----------
    first, second : bool array, shape (M,)
        Whether each is right.

    Notes
    -----
    McNemar's test (1947), exact and two-sided: were both equally good, each such image would be
    a fair coin's throw. Selection makes the winner's lead look larger than it is, so a lead that is
    not significantly different from zero even here is no evidence of a better net.
    """
    # scipy.stats.binomtest says the same, but takes half a second to import.
    from scipy.special import bdtr

    n_first, n_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    n = n_first + n_second
    # A fair coin's two tails are alike.
    p_value = min(1.0, 2 * float(bdtr(min(n_first, n_second), n, 0.5)))
    return Pairing(n_first, n_second, p_value)


def compare_scores(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[int, float]:
    """Compare two models by their scores of the same examples, with a paired t-test.

    Parameters
    ----------
    first, second : float array, shape (M,)
        Score of each example.

    Returns
    -------
    n_differ : int
        Examples whose scores differ.
    p_value : float
        How often two equally good models would differ at least so much; two-sided.
    """
    from scipy.special import stdtr

    differences = first - second
    n, n_differ = len(differences), int(np.count_nonzero(differences))
    if n < 2 or not (error := float(differences.std(ddof=1)) / n**0.5):
        return n_differ, 1.0 if not n_differ else 0.0
    return n_differ, float(2 * stdtr(n - 1, -abs(differences.mean()) / error))
