"""Simulated selection of the best of many models on the same examples, whose truth is known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from hpsearch.results.noise import Noise, find_contenders, summarize_noise

__all__ = ["Cell", "Contest", "Round", "both_below", "gather", "play"]

Floats = NDArray[np.float64]
Numbers = NDArray[np.float32]
# How much lower the accuracy of a model is when it may be pruned, in probits.
_EARLY_DEFICIT = 0.15
# One model's lead is limited by this: n = 50 and 0.97 allow no lead of three standard deviations.
_HIGHEST = 0.995
# Of the integral in `both_below`, which has seven digits then for correlations up to 0.9.
_N_NODES = 6


@dataclass(frozen=True)
class Contest:
    """Models that find the same examples hard.

    Parameters
    ----------
    n_examples : int
        Validation examples.
    accuracy : float
        True accuracy of all models but the leader.
    correlation : float
        Of the hits of two models, on average over pairs.
    fidelity : float
        Correlation of a model's luck when it may be pruned and at the end.
    """

    n_examples: int
    accuracy: float
    correlation: float
    fidelity: float = 0.3

    @property
    def standard_error(self) -> float:
        """Of one accuracy."""
        return float((self.accuracy * (1 - self.accuracy) / self.n_examples) ** 0.5)


@dataclass(frozen=True)
class Cell:
    """One choice of the best.

    Parameters
    ----------
    n_models : int
        Before pruning.
    lead : float
        Of one of them over all others, in standard errors.
    n_kept : int or None
        How many were not pruned; None for all.
    """

    n_models: int
    lead: float
    n_kept: int | None


@dataclass(frozen=True)
class Round:
    """What is known after one selection, and the truth.

    Parameters
    ----------
    scores : float array
        Final scores of those that were not pruned, the best first.
    kept, pruned : float array
        Scores at the time of pruning: of the same models, and of the others.
    one, mean : float
        Variances as `summarize_noise` takes them.
    n_near : int
        Over how many models.
    near : float
        Their average score.
    truth : float
        The best one's true accuracy.
    hits : bool array
        Of those that were not pruned, the best first.
    """

    scores: Floats
    kept: Floats
    pruned: Floats
    one: float
    mean: float
    n_near: int
    near: float
    truth: float
    hits: NDArray[np.bool_]


def play(
    contest: Contest, cells: Sequence[Cell], rng: np.random.Generator
) -> Iterator[tuple[Cell, Round]]:
    """One selection for each cell, all on the same draws.

    Model k is right about an example if ``luck < strength + difficulty``, all Gaussian. When it may
    be pruned its luck is another, which correlates, and it is weaker.

    Notes
    -----
    The luck itself is not drawn. Given the difficulty, whether a model is right at the end, at the
    time of pruning, both times or never has known probabilities, so one uniform number for each
    model and example decides; that takes a quarter of the time.
    """
    n, latent = contest.n_examples, _latent_correlation(contest.accuracy, contest.correlation)
    n_models = max(cell.n_models for cell in cells)
    difficulty = np.sqrt(latent) * rng.standard_normal(n)
    numbers = rng.random((n_models, n), np.float32)

    def decide(numbers: Numbers, accuracy: float) -> tuple[NDArray[np.bool_], Floats]:
        """Hits at the end, and accuracies when they may be pruned, of models of one strength."""
        bounds = (ndtri(accuracy) + difficulty) / np.sqrt(1 - latent)
        early_bounds = bounds - _EARLY_DEFICIT / np.sqrt(1 - latent)
        both = both_below(bounds, early_bounds, contest.fidelity)
        late, early = numbers < _narrow(ndtr(bounds)), numbers < _narrow(both)
        early |= numbers >= _narrow(1 - (ndtr(early_bounds) - both))
        return late, early.mean(axis=-1)

    hits, early = decide(numbers, contest.accuracy)
    counts = hits.astype(np.float32)
    both = (counts @ counts.T).astype(np.float64)
    truths = np.full(n_models, contest.accuracy)
    for lead in dict.fromkeys(cell.lead for cell in cells):
        truths[0] = min(contest.accuracy + lead * contest.standard_error, _HIGHEST)
        hits[0], early[0] = decide(numbers[0], truths[0])
        counts[0] = hits[0]
        both[0] = both[:, 0] = counts @ counts[0]
        for cell in cells:
            if cell.lead == lead:
                yield cell, _select(cell, hits, both, early, truths, rng)


def both_below(x: Floats, y: Floats, correlation: float) -> Floats:
    """Chance that two correlated Gaussian numbers are below `x` and `y`.

    Plackett's identity (1954): its derivative by the correlation is the density, which is smooth
    as a function of the arc sine.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    width = np.arcsin(correlation) / 2
    sines = np.sin(width * (nodes + 1))
    x, y = x[:, None], y[:, None]
    densities = np.exp(-(x**2 - 2 * sines * x * y + y**2) / (2 * (1 - sines**2))) / (2 * np.pi)
    chances: Floats = ndtr(x[:, 0]) * ndtr(y[:, 0]) + width * (densities @ weights)
    return chances


def gather(rounds: Iterable[Round], n_examples: int) -> tuple[Floats, Noise, Floats, Floats]:
    """Scores and noise of many rounds of one cell, and early scores of the kept and pruned."""
    rounds = list(rounds)
    noise = summarize_noise(
        np.array([one.one for one in rounds]),
        np.array([one.mean for one in rounds]),
        np.array([one.n_near for one in rounds]),
        n_examples,
        np.array([one.near for one in rounds]),
    )
    scores, kept, pruned = (
        np.array([getattr(one, name) for one in rounds]) for name in ("scores", "kept", "pruned")
    )
    return scores, noise, kept, pruned


def _select(
    cell: Cell,
    hits: NDArray[np.bool_],
    both: Floats,
    early: Floats,
    truths: Floats,
    rng: np.random.Generator,
) -> Round:
    n = hits.shape[1]
    # Of equals the first is taken: which one leads must not decide that.
    models = rng.permutation(cell.n_models)
    if cell.n_kept:
        models = models[np.argsort(-early[models], kind="stable")]
    kept, pruned = models[: cell.n_kept], models[cell.n_kept or cell.n_models :]
    scores = np.diag(both)[kept] / n
    best = int(scores.argmax())
    order = np.r_[best, np.delete(np.arange(len(kept)), best)]
    kept, scores = kept[order], scores[order]
    near = find_contenders(scores, 0, n, None)
    means = scores[near]
    covariances = both[np.ix_(kept[near], kept[near])] / n - np.outer(means, means)
    return Round(
        scores,
        early[kept],
        early[pruned],
        float(np.trace(covariances)) / len(near),
        float(covariances.mean()),
        len(near),
        float(means.mean()),
        float(truths[kept[0]]),
        hits[kept] if n <= 300 else hits[:0],
    )


def _narrow(chances: Floats) -> Numbers:
    """As precise as the numbers that they are compared with."""
    return chances.astype(np.float32)


@cache
def _latent_correlation(accuracy: float, correlation: float) -> float:
    """Of two Gaussian numbers that are positive as often as `accuracy` says, and as together."""
    strength = ndtri(accuracy)

    def surplus(latent: float) -> float:
        joint = multivariate_normal([0, 0], [[1, latent], [latent, 1]]).cdf([strength, strength])
        return float((joint - accuracy**2) / (accuracy * (1 - accuracy)) - correlation)

    return float(brentq(surplus, 1e-3, 0.999))
