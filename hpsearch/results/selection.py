"""What the best of many models is really worth: a score corrected for selection bias, an interval.

For any score that is a mean over examples, higher better: the share of images that are classified
rightly, or a mean of negative losses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.results.noise import Noise, measure_noise
from hpsearch.results.shrinkage import GRID, combine_noise, estimate_fidelity, infer_position

__all__ = ["EarlyScores", "Estimate", "correct_for_selection", "estimate_winner"]

Floats = NDArray[np.float64]

# Credible level of the interval. Above 0.95, as the distribution of true scores and the noise are
# themselves estimated: so chosen that the interval covers the truth in 93 % of studies at least
# wherever `python -m benchmarks.selection` looks, on other seeds than the benchmark's.
_LEVEL = 0.97
_N_HALVINGS = 32


@dataclass(frozen=True)
class Estimate:
    """The accuracy that the winner can be expected to have on new images.

    Parameters
    ----------
    val_score : float
        Corrected for selection bias; with one trial, its own.
    low, high : float
        Ends of the 95 % interval.
    n_trials, n_images : int
        How many complete trials were compared, and on how many images.
    """

    val_score: float
    low: float
    high: float
    n_trials: int
    n_images: int

    def negated(self) -> "Estimate":
        """The same of a metric that is better when smaller."""
        return Estimate(-self.val_score, -self.high, -self.low, self.n_trials, self.n_images)


@dataclass(frozen=True)
class EarlyScores:
    """Scores at the time of pruning, of those that were kept and those that were not.

    Parameters
    ----------
    kept : float array, shape (K,)
        Of the complete trials.
    pruned : float array, shape (P,)
        Of the pruned ones, on the same examples and after as much training.
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
        Of trial k, in the order of trial numbers, on validation example n: whether it is right, or
        any score of which more is better. Of trials with equal means the first is the best.
    early : EarlyScores, optional
        If other trials were pruned. They have no scores of each example, but the best of few that
        were left is the best of many all the same.

    Returns
    -------
    Estimate
        Posterior median and interval of the winner's true score on new examples.

    Raises
    ------
    ValueError
        If there is no trial or no example.

    Notes
    -----
    A score is the true one, plus noise shared by all models (examples that are hard for all), plus
    noise of its own, which is what selection exploits. The posterior of the latter is found by
    `shrinkage.infer_position` among all scores. Where trials were pruned it has two parts: the
    noise that already was in the score on which the winner was not pruned, found among the early
    scores of all trials, and the rest, found among the final scores of those that are left. The
    shared noise is added as in Wilson's interval, which this is for a single trial.
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
        Of each study's models; the winner's first.
    noise : Noise
        Of these scores.
    early : tuple of float arrays, shapes (R, K) and (R, P), optional
        Scores at the time of pruning: of the same models, and of those that were pruned.

    Returns
    -------
    tuple of float arrays, shape (R,)
        Low end of the interval, estimate, high end.
    """
    n_models = scores.shape[1]
    # Of a single model nothing tells which part of its noise is its own.
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
    """Standard errors; of hits not 0 where all or none of the few examples are hits."""
    margin = 0.5 / noise.n_examples
    return noise.standard_error(np.clip(scores, margin, 1 - margin))


def _find_quantile(winners: Floats, posterior: Floats, noise: Noise, q: float) -> Floats:
    """Solve P(true score <= m) = q for m, by bisection.

    For each possible noise of the winner's own, m is judged by the standard error that it would
    have itself, as in Wilson's interval.
    """
    # scipy.special takes half a second to import, which commands that judge nothing need not spend.
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
        chance = (posterior * ndtr((middle[:, None] - centers) / error[:, None])).sum(axis=1)
        low = np.where(chance < q, middle, low)
        high = np.where(chance < q, high, middle)
    return (low + high) / 2
