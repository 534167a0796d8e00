"""Sampling noise of scores that are means over the same examples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.selection.statistical_tests import wilson_interval

__all__ = ["Noise", "find_contenders", "measure_noise", "summarize_noise"]

Floats = NDArray[np.float64]

# Models within this many standard errors of the best score are used to estimate its noise.
_N_ERRORS = 3.0
# Largest fraction of the variance that is independent, smallest that is shared.
_MOST_OWN, _LEAST_SHARED = 0.95, 0.05


@dataclass(frozen=True)
class Noise:
    """Noise of the scores of similar models on the same examples, in each of R studies.

    Hard examples are hard for all models, so part of the noise is common to all scores and does not
    influence which is best; the rest is independent (`own`).

    Parameters
    ----------
    own : float array, shape (R,)
        Standard deviation of the independent part of a score.
    shared : float array, shape (R,)
        Fraction of the variance that is common to all scores.
    n_examples : int
        Number of examples that a score is the mean of.
    deviation : float array, shape (R,), or None
        Standard deviation over examples; None for hits (0 or 1), where the score determines it.
    """

    own: Floats
    shared: Floats
    n_examples: int
    deviation: Floats | None = None

    def standard_error(self, scores: Floats) -> Floats:
        """Compute the standard error of models whose true scores are `scores`, shape (R,)."""
        if self.deviation is None:
            deviation: Floats = np.sqrt(scores * (1 - scores))
        else:
            deviation = self.deviation
        error: Floats = deviation / self.n_examples**0.5
        return error


def find_contenders(
    means: Floats, winner: int, n_examples: int, deviation: float | None
) -> NDArray[np.int64]:
    """Find models whose score is near the winner's: at least the winner and one more.

    Parameters
    ----------
    means : float array, shape (K,)
        Scores.
    winner : int
        Index of the best score.
    n_examples : int
        Number of examples that a score is the mean of.
    deviation : float or None
        Standard deviation of the winner's scores over the examples; None for hits.
    """
    best = float(means[winner])
    if deviation is None:
        lowest = wilson_interval(best * n_examples, n_examples, _N_ERRORS)[0]
    else:
        lowest = best - _N_ERRORS * deviation / n_examples**0.5
    second = np.max(np.delete(means, winner), initial=-np.inf)
    return np.flatnonzero(means >= min(lowest, second))


def measure_noise(scores: NDArray[np.bool_] | Floats, means: Floats, winner: int) -> Noise:
    """Estimate the noise of the scores near the winner's, from the scores of examples.

    Parameters
    ----------
    scores : bool or float array, shape (K, N)
        Score of each example; bool for hits.
    means : float array, shape (K,)
        Means of `scores` over the examples.
    winner : int
        Index of the best score.
    """
    is_hits = scores.dtype == np.bool_
    n_examples = scores.shape[1]
    deviation = None if is_hits else float(scores[winner].std())
    near = scores[find_contenders(means, winner, n_examples, deviation)]
    model_variance = np.array([near.var(axis=1).mean()])
    mean_variance = np.array([near.mean(axis=0).var()])
    score = np.array([near.mean()]) if is_hits else None
    return summarize_noise(model_variance, mean_variance, len(near), n_examples, score)


def summarize_noise(
    model_variance: Floats,
    mean_variance: Floats,
    n_models: int | NDArray[np.int64],
    n_examples: int,
    scores: Floats | None,
) -> Noise:
    """Estimate the noise from variances over examples, of single models and of their mean.

    Parameters
    ----------
    model_variance : float array, shape (R,)
        Variance of a model's scores over the examples, averaged over the models.
    mean_variance : float array, shape (R,)
        Variance over the examples of the mean of all models' scores.
    n_models : int or int array, shape (R,)
        Number of models.
    n_examples : int
        Number of examples that a score is the mean of.
    scores : float array, shape (R,), or None
        Mean score of the models if they are hits; None for other scores.

    Notes
    -----
    ``model_variance = shared + own`` and ``mean_variance = shared + own / n_models``. Among few
    examples at an accuracy near 1 there may be no error, or none that differs between models; the
    variances of hits are therefore estimated with pseudo-counts (Agresti and Coull 1998), so that
    neither part is estimated as 0: half a disagreement for `own`; for the total, an error and a hit
    of one model in the upper bound of `own`, and of all models in the fraction `shared`.
    """
    n = np.asarray(n_models)
    own = (model_variance - mean_variance) * n / np.maximum(n - 1, 1)
    total = total_by_example = model_variance
    if scores is not None:
        own = own + 0.5 / (n_examples * np.maximum(n - 1, 1))
        total = _variance_of_hits(scores * n_examples * n, n_examples * n)
        total_by_example = _variance_of_hits(scores * n_examples, n_examples)
    # Never 0, as distances between scores are divided by it.
    own = np.clip(own, 1e-12 * model_variance + 1e-200, _MOST_OWN * total + 1e-200)
    own = np.where(n > 1, own, 0.0)
    shared = np.ones_like(own)
    np.divide(own, total_by_example, out=shared, where=total_by_example > 0)
    shared = np.clip(1 - shared, _LEAST_SHARED, 1.0)
    deviation = np.sqrt(model_variance) if scores is None else None
    return Noise(np.sqrt(own / n_examples), shared, n_examples, deviation)


def _variance_of_hits(n_hits: Floats, n: int | NDArray[np.int64]) -> Floats:
    p = (n_hits + 1) / (n + 2)
    return p * (1 - p)
