"""Noise of scores that are means over the same examples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.results.intervals import wilson_interval

__all__ = ["Noise", "find_contenders", "measure_noise", "summarize_noise"]

Floats = NDArray[np.float64]

# Standard errors below the best score within which a model tells something about its noise.
_N_ERRORS = 3.0
# Shares of the variance that is, at most, each score's own, and that is shared, at least.
_MOST_OWN, _LEAST_SHARED = 0.95, 0.05


@dataclass(frozen=True)
class Noise:
    """Noise of the scores of similar models on the same examples, in each of R studies.

    Hard examples are hard for all models, so a part of the noise is shared by all scores and has no
    influence on which is best; the rest is each score's own.

    Parameters
    ----------
    own : float array, shape (R,)
        Standard deviation of each score's own part.
    shared : float array, shape (R,)
        Share of the variance that is common to all.
    n_examples : int
        Over how many each score is a mean.
    deviation : float array, shape (R,), or None
        Standard deviation of one example; None for hits, where the score determines it.
    """

    own: Floats
    shared: Floats
    n_examples: int
    deviation: Floats | None = None

    def standard_error(self, scores: Floats) -> Floats:
        """Standard error of models whose true scores are `scores`, shape (R,)."""
        if self.deviation is None:
            deviation: Floats = np.sqrt(scores * (1 - scores))
        else:
            deviation = self.deviation
        error: Floats = deviation / self.n_examples**0.5
        return error


def find_contenders(
    means: Floats, winner: int, n_examples: int, deviation: float | None
) -> NDArray[np.int64]:
    """Models whose score is near the winner's, the winner and one more at least.

    Parameters
    ----------
    means : float array, shape (K,)
        Scores.
    winner : int
        Which is the best.
    n_examples : int
        Over how many each score is a mean.
    deviation : float or None
        Standard deviation of the winner over the examples; None for hits.
    """
    best = float(means[winner])
    if deviation is None:
        lowest = wilson_interval(best * n_examples, n_examples, _N_ERRORS)[0]
    else:
        lowest = best - _N_ERRORS * deviation / n_examples**0.5
    second = np.max(np.delete(means, winner), initial=-np.inf)
    return np.flatnonzero(means >= min(lowest, second))


def measure_noise(scores: NDArray[np.bool_] | Floats, means: Floats, winner: int) -> Noise:
    """Noise of the scores near the winner's, from each example's.

    Parameters
    ----------
    scores : bool or float array, shape (K, N)
        Hits, or other scores of each example.
    means : float array, shape (K,)
        Of `scores` over the examples.
    winner : int
        Which is the best.
    """
    is_hits = scores.dtype == np.bool_
    n_examples = scores.shape[1]
    deviation = None if is_hits else float(scores[winner].std())
    near = scores[find_contenders(means, winner, n_examples, deviation)]
    one, mean = np.array([near.var(axis=1).mean()]), np.array([near.mean(axis=0).var()])
    score = np.array([near.mean()])
    return summarize_noise(one, mean, len(near), n_examples, score if is_hits else None)


def summarize_noise(
    one: Floats,
    mean: Floats,
    n_models: int | NDArray[np.int64],
    n_examples: int,
    scores: Floats | None,
) -> Noise:
    """Noise from the variances, over the examples, of one model and of the mean of all.

    Parameters
    ----------
    one, mean : float array, shape (R,)
        Variance of a model's scores, averaged over the models; and variance of the models' mean.
    n_models : int or int array, shape (R,)
        How many there are.
    n_examples : int
        Over how many each score is a mean.
    scores : float array, shape (R,), or None
        Average score, if examples are hits.

    Notes
    -----
    ``one = shared + own`` and ``mean = shared + own / n_models``. A few dozen hits at an accuracy
    near 1 may show no error, or none that models do not share, and the variances of hits are then
    estimated with added ones, as intervals for shares are (Agresti and Coull 1998): half a
    disagreement for `own`; for the total an error and a hit of one model where it decides what is
    own, and of all models where it decides what is shared, so that neither is held to be nothing.
    """
    n = np.asarray(n_models)
    own = (one - mean) * n / np.maximum(n - 1, 1)
    total = total_by_example = one
    if scores is not None:
        own = own + 0.5 / (n_examples * np.maximum(n - 1, 1))
        total = _variance_of_hits(scores * n_examples * n, n_examples * n)
        total_by_example = _variance_of_hits(scores * n_examples, n_examples)
    # Never 0, as distances are measured in it.
    own = np.clip(own, 1e-12 * one + 1e-200, _MOST_OWN * total + 1e-200)
    own = np.where(n > 1, own, 0.0)
    shared = np.ones_like(own)
    np.divide(own, total_by_example, out=shared, where=total_by_example > 0)
    shared = np.clip(1 - shared, _LEAST_SHARED, 1.0)
    deviation = np.sqrt(one) if scores is None else None
    return Noise(np.sqrt(own / n_examples), shared, n_examples, deviation)


def _variance_of_hits(n_hits: Floats, n: int | NDArray[np.int64]) -> Floats:
    share = (n_hits + 1) / (n + 2)
    return share * (1 - share)
