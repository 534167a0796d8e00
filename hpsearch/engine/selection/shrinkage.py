"""Shrinkage of the best of many scores, by nonparametric empirical Bayes.

The maximum of noisy scores is biased upwards. A Bayesian estimate needs no correction for that
(Efron, "Tweedie's formula and selection bias", JASA 106, 2011): given the prior of the true values,
the posterior of one of them does not depend on how it was selected. Here the prior is estimated
from the scores themselves: by nonparametric maximum likelihood (Kiefer and Wolfowitz 1956; Jiang
and Zhang, "General maximum likelihood empirical Bayes estimation of normal means", Annals of
Statistics 37, 2009), on a grid, with scores binned to its cells (Koenker and Mizera, JASA 109,
2014).

All positions are distances from the score in question, in standard deviations of the independent
noise of a score. Arrays hold many studies at once, one in each row.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID", "combine_noise", "estimate_fidelity", "infer_position"]

Floats = NDArray[np.float64]

_STEP = 0.2
# Possible true values, given a score at 0; more negative ones, as a winner's is mostly lower.
GRID: Floats = np.arange(-50.0, 31.0) * _STEP
_LIKELIHOOD: Floats = np.exp(-0.5 * (GRID[:, None] - GRID) ** 2)
# Weight of a flat prior (the score may resemble no other), in scores per standard deviation. A
# higher weight keeps a real lead better and corrects equal scores less; chosen by simulation such
# that neither bias reaches half a standard error (`python -m benchmarks.selection`).
_FLAT_PRIOR = 0.45
_N_ITERATIONS = 100


def infer_position(others: Floats) -> Floats:
    """Compute the posterior of a true value from its score and those of others.

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
    The prior is estimated from the other scores alone: if a score took part in estimating its own
    prior, it would be its own evidence that such values exist. The prior is smoothed by the
    standard error of a mean of M scores, which for M = 1 is that of the one other score, and mixed
    with a flat prior, so that a score far above all others is not shrunk.
    """
    n_others = others.shape[1]
    prior = n_others * _smooth(_fit_prior(others), n_others) if n_others else 0.0
    weights = np.exp(-0.5 * GRID**2) * (prior + _FLAT_PRIOR * _STEP) + np.zeros((len(others), 1))
    posterior: Floats = weights / weights.sum(axis=1, keepdims=True)
    return posterior


def estimate_fidelity(differences: Floats) -> Floats:
    """Estimate the correlation of the noise of an earlier and the final score of a trial.

    Parameters
    ----------
    differences : float array, shape (R, M)
        Final minus earlier score of M trials of each study, both in standard deviations of their
        independent noise, up to a constant.

    Returns
    -------
    float array, shape (R,)
        Posterior mean with a uniform prior; 0.5 for a single trial.

    Notes
    -----
    With correlation r a difference has variance 2 (1 - r), if the differences between true values
    do not change with further training. If they do, the estimate of r is too low, and the earlier
    scores have less weight.
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
    """Compute the distribution of r e + sqrt(1 - r^2) f, for independent positions e and f.

    Parameters
    ----------
    earlier, final : float array, shape (R, G)
        Distributions of e and f on `GRID`: from the scores at the time of pruning, and from the
        final scores of the complete trials.
    fidelity : float array, shape (R,)
        Correlation r of the noise of earlier and final scores.
    """
    rows = zip(earlier, final, fidelity, strict=True)
    return np.array([_combine(e, f, r) for e, f, r in rows])


def _combine(earlier: Floats, final: Floats, fidelity: float) -> Floats:
    positions = fidelity * GRID[:, None] + np.sqrt(1 - fidelity**2) * GRID
    weights = earlier[:, None] * final
    relevant = weights > 1e-9
    combined: Floats = _count(positions[relevant][None, :], weights[relevant][None, :])[0]
    combined /= combined.sum()
    return combined


def _fit_prior(scores: Floats) -> Floats:
    """Fit the distribution of true values on `GRID` by maximum likelihood, with EM (Laird 1978)."""
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
    """Bin weights to `GRID` by linear interpolation; positions beyond an end are moved to it."""
    n_rows, n_cells = len(positions), len(GRID)
    places = (np.clip(positions, GRID[0], GRID[-1]) - GRID[0]) / _STEP
    left = np.minimum(places.astype(np.int64), n_cells - 2)
    fraction = places - left
    cells = left + n_cells * np.arange(n_rows)[:, None]
    size = n_rows * n_cells
    counts = np.zeros(size)
    counts += np.bincount(cells.ravel(), (weights * (1 - fraction)).ravel(), size)
    counts += np.bincount(cells.ravel() + 1, (weights * fraction).ravel(), size)
    return counts.reshape(n_rows, n_cells)
