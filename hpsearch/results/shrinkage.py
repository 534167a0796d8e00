"""Noise of the best score among many, by nonparametric empirical Bayes.

The best score is the best partly by luck. A Bayesian estimate needs no correction for that (Efron,
"Tweedie's formula and selection bias", JASA 106, 2011): given the distribution of the true values,
what is expected of one of them does not depend on why it was looked at. Here that distribution is
estimated from the scores themselves: by maximum likelihood without assuming its shape (Kiefer and
Wolfowitz 1956; Jiang and Zhang, "General maximum likelihood empirical Bayes estimation of normal
means", Annals of Statistics 37, 2009), on a grid, with scores counted in its cells (Koenker and
Mizera, JASA 109, 2014).

All positions are distances from the one score that is asked about, in standard deviations of the
noise that each score has of its own. Arrays hold many studies at once, one in each row.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID", "combine_noise", "estimate_fidelity", "infer_position"]

Floats = NDArray[np.float64]

_STEP = 0.2
# Where the true value may be, given the score: it is lower for a winner, so more lower values.
GRID: Floats = np.arange(-50.0, 31.0) * _STEP
_LIKELIHOOD: Floats = np.exp(-0.5 * (GRID[:, None] - GRID) ** 2)
# The possibility that the score resembles no other: a flat prior, which counts for so many scores
# to each standard deviation. More keep a real lead better and correct equal scores less; so chosen,
# by simulation, that neither is off by half a standard error (`python -m benchmarks.selection`).
_UNLIKE = 0.45
_N_ITERATIONS = 100


def infer_position(others: Floats) -> Floats:
    """Posterior distribution of a true value from its score and those of others.

    Parameters
    ----------
    others : float array, shape (R, M)
        Positions of the other scores of each of R studies.

    Returns
    -------
    float array, shape (R, G)
        Probability of each true value on `GRID`, given a score at 0.

    Notes
    -----
    The prior is estimated from the others alone: a score that took part in estimating its own prior
    would be its own evidence that such values exist. It is smoothed by the error of a mean of M
    scores, so that with M = 1 two scores are as close as their noise says, and mixed with a flat
    one, so that a score far above all others keeps what it has.
    """
    n_others = others.shape[1]
    prior = n_others * _smooth(_fit_prior(others), n_others) if n_others else 0.0
    weights = np.exp(-0.5 * GRID**2) * (prior + _UNLIKE * _STEP) + np.zeros((len(others), 1))
    posterior: Floats = weights / weights.sum(axis=1, keepdims=True)
    return posterior


def estimate_fidelity(differences: Floats) -> Floats:
    """Correlation of the noise of an earlier and a final score of the same trial.

    Parameters
    ----------
    differences : float array, shape (R, M)
        Final less earlier score of M trials of each study, both in standard deviations of their
        own noise, up to a constant.

    Returns
    -------
    float array, shape (R,)
        Posterior mean with a uniform prior; 0.5 for a single trial.

    Notes
    -----
    With correlation r a difference has the variance 2 (1 - r), if true values keep their distances.
    Where they do not, r is estimated too low, and the earlier scores count for less.
    """
    fidelities = np.arange(0.025, 1, 0.05)
    squares = ((differences - differences.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    freedom = differences.shape[1] - 1
    variances = 2 * (1 - fidelities)
    logs = -0.5 * (freedom * np.log(variances) + squares[:, None] / variances)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    means: Floats = weights @ fidelities / weights.sum(axis=1)
    return means


def combine_noise(earlier: Floats, final: Floats, fidelity: Floats) -> Floats:
    """Posterior distribution of r e + sqrt(1 - r^2) f, for independent positions e and f.

    Parameters
    ----------
    earlier, final : float array, shape (R, G)
        Distributions on `GRID`: by the scores on which trials were pruned, and by the final scores
        of those that were not.
    fidelity : float array, shape (R,)
        r, the share of the final score's noise that was in the earlier score.
    """
    rows = zip(earlier, final, fidelity, strict=True)
    return np.array([_combine(e, f, r) for e, f, r in rows])


def _combine(earlier: Floats, final: Floats, fidelity: float) -> Floats:
    positions = fidelity * GRID[:, None] + np.sqrt(1 - fidelity**2) * GRID
    weights = earlier[:, None] * final
    matters = weights > 1e-9
    combined: Floats = _count(positions[matters][None, :], weights[matters][None, :])[0]
    combined /= combined.sum()
    return combined


def _fit_prior(scores: Floats) -> Floats:
    """Maximum likelihood distribution of true values on `GRID`, by EM (Laird 1978)."""
    counts = _count(scores, np.ones_like(scores))
    prior = np.full(counts.shape, 1 / len(GRID))
    for _ in range(_N_ITERATIONS):
        prior = prior * ((counts / (prior @ _LIKELIHOOD)) @ _LIKELIHOOD) / scores.shape[1]
    return prior


def _smooth(prior: Floats, n_scores: int) -> Floats:
    kernel = np.exp(-0.5 * n_scores * (GRID[:, None] - GRID) ** 2)
    smoothed: Floats = prior @ (kernel / kernel.sum(axis=1, keepdims=True))
    return smoothed


def _count(positions: Floats, weights: Floats) -> Floats:
    """Weights in the cells of `GRID`, each shared by the two nearest; beyond an end, at it."""
    n_rows, n_cells = len(positions), len(GRID)
    places = (np.clip(positions, GRID[0], GRID[-1]) - GRID[0]) / _STEP
    left = np.minimum(places.astype(np.int64), n_cells - 2)
    right_share = places - left
    cells = left + n_cells * np.arange(n_rows)[:, None]
    size = n_rows * n_cells
    counts = np.zeros(size)
    counts += np.bincount(cells.ravel(), (weights * (1 - right_share)).ravel(), size)
    counts += np.bincount(cells.ravel() + 1, (weights * right_share).ravel(), size)
    return counts.reshape(n_rows, n_cells)
