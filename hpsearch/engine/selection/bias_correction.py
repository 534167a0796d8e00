"""Correction of the best model's score for selection bias, with an interval.

For any score that is a mean over examples and where higher is better, such as accuracy or a mean
of negative losses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.selection.noise import Noise, measure_noise
from hpsearch.engine.selection.shrinkage import (
    GRID,
    combine_noise,
    estimate_fidelity,
    infer_position,
)

__all__ = ["EarlyScores", "Estimate", "correct_for_selection", "estimate_winner"]

Floats = NDArray[np.float64]

# Credible level of the interval. Above 0.95, as the prior and the noise are themselves estimated.
# Chosen so that the interval's coverage is at least 93 % in all settings that
# `python -m benchmarks.selection` simulates, on other seeds than the benchmark's.
_LEVEL = 0.97
_N_HALVINGS = 32


@dataclass(frozen=True)
class Estimate:
    """Estimate of the winner's true score, that on new examples.

    Parameters
    ----------
    val_score : float
        Score corrected for selection bias; with one trial, its validation score.
    low, high : float
        Ends of the 95 % interval.
    n_trials, n_images : int
        Number of complete trials that were compared, and of examples.
    """

    val_score: float
    low: float
    high: float
    n_trials: int
    n_images: int

    def negated(self) -> "Estimate":
        """Return the estimate for a metric of which lower values are better."""
        return Estimate(-self.val_score, -self.high, -self.low, self.n_trials, self.n_images)


@dataclass(frozen=True)
class EarlyScores:
    """Scores of complete and pruned trials at the time of pruning.

    Parameters
    ----------
    kept : float array, shape (K,)
        Scores of the complete trials.
    pruned : float array, shape (P,)
        Scores of the pruned trials, on the same examples and after as many epochs.
    """

    kept: Floats
    pruned: Floats


def correct_for_selection(
    scores: NDArray[np.bool_] | Floats, early: EarlyScores | None = None
) -> Estimate:
    """Estimate the true score of the best of K models, with a 95 % interval.

    Parameters
    ----------
    scores : bool or float array, shape (K, N)
        Score of trial k, in the order of trial numbers, on validation example n: whether it is
        right, or any score of which higher is better. The first of several equal means is best.
    early : EarlyScores, optional
        If other trials were pruned. They have no final scores, but contribute to the selection
        bias, as the best of the remaining trials was selected from all of them.

    Returns
    -------
    Estimate
        Posterior median and interval of the winner's true score on new examples.

    Raises
    ------
    ValueError
        If there are no trials or no examples.

    Notes
    -----
    A score is the true score, plus noise shared by all models (examples that are hard for all),
    plus independent noise, which causes the selection bias. `shrinkage.infer_position` computes the
    posterior of the latter from all scores. If trials were pruned it has two parts: the noise that
    was already in the winner's score at the time of pruning, from the early scores of all trials,
    and the rest, from the final scores of the complete ones. The shared noise is added as in
    Wilson's interval, to which this reduces for a single trial.
    """
    n_trials, n_examples = scores.shape
    if not scores.size:
        raise ValueError(f"scores: expected a trial and an image at least, got {scores.shape}")
    means = scores.mean(axis=1)
    winner = int(means.argmax())
    noise = measure_noise(scores, means, winner)
    # The winner first.
    order = np.r_[winner, np.delete(np.arange(n_trials), winner)]
    kept, pruned = (early.kept[order], early.pruned) if early else (None, np.empty(0))
    found = estimate_winner(
        means[order][None, :],
        noise,
        None if kept is None or not pruned.size else (kept[None, :], pruned[None, :]),
    )
    low, middle, high = (float(one[0]) for one in found)
    return Estimate(middle, low, high, n_trials, n_examples)


def estimate_winner(
    scores: Floats, noise: Noise, early: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats, Floats]:
    """Estimate the winners' true scores in R studies at once.

    Parameters
    ----------
    scores : float array, shape (R, K)
        Scores of each study's models, the winner's first.
    noise : Noise
        Noise of these scores.
    early : tuple of float arrays, shapes (R, K) and (R, P), optional
        Scores at the time of pruning: of the same models, and of those that were pruned.

    Returns
    -------
    tuple of float arrays, shape (R,)
        Low end of the interval, estimate, high end.
    """
    n_models = scores.shape[1]
    # From a single model, independent and shared noise cannot be separated.
    level = _LEVEL if n_models > 1 else 0.95
    positions = _measure_from_first(scores, noise.own) if n_models > 1 else np.zeros(scores.shape)
    posterior = infer_position(positions[:, 1:])
    if early is not None and n_models > 1:
        kept, pruned = early
        own = noise.own * _scale(noise, kept[:, 0]) / _scale(noise, scores.mean(axis=1))
        early_positions = _measure_from_first(np.hstack([kept, pruned]), own)
        fidelity = estimate_fidelity(positions - early_positions[:, :n_models])
        posterior = combine_noise(infer_position(early_positions[:, 1:]), posterior, fidelity)
    quantiles = ((1 - level) / 2, 0.5, (1 + level) / 2)
    low, middle, high = (_find_quantile(scores[:, 0], posterior, noise, q) for q in quantiles)
    return low, middle, high


def _measure_from_first(scores: Floats, own: Floats) -> Floats:
    positions: Floats = (scores - scores[:, :1]) / own[:, None]
    return positions


def _scale(noise: Noise, scores: Floats) -> Floats:
    """Compute standard errors, for hits above 0 even where all or none of few examples are hits."""
    margin = 0.5 / noise.n_examples
    return noise.standard_error(np.clip(scores, margin, 1 - margin))


def _find_quantile(winners: Floats, posterior: Floats, noise: Noise, q: float) -> Floats:
    """Solve P(true score <= m) = q for m, by bisection.

    For each value of the winner's independent noise, the shared noise is normal with the standard
    error of a true score of m, as in Wilson's interval.
    """
    # Imported here, as it takes half a second that most commands need not spend.
    from scipy.special import ndtr

    centers = winners[:, None] + noise.own[:, None] * GRID
    if noise.deviation is None:
        centers = np.clip(centers, 0.0, 1.0)
        low, high = np.zeros_like(winners), np.ones_like(winners)
    else:
        margin = 10 * noise.standard_error(winners)
        low, high = centers[:, 0] - margin, centers[:, -1] + margin
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        error = np.sqrt(noise.shared) * noise.standard_error(middle) + 1e-300
        probability = (posterior * ndtr((middle[:, None] - centers) / error[:, None])).sum(axis=1)
        low = np.where(probability < q, middle, low)
        high = np.where(probability < q, high, middle)
    return (low + high) / 2
