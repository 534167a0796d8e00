"""Simulated selection of the best of many models, whose true accuracies are known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from hpsearch.engine.selection.noise import Noise, find_contenders, summarize_noise

__all__ = [
    "Cell",
    "Repetition",
    "Scenario",
    "both_below",
    "simulate_selections",
    "stack_repetitions",
]

Floats = NDArray[np.float64]
Numbers = NDArray[np.float32]
# How much lower the accuracy of a model is when it may be pruned, in probits.
_EARLY_DEFICIT = 0.15
# Limits the leader's accuracy: with n = 50 and 0.97 a lead of three standard errors is above 1.
_HIGHEST = 0.995
# Nodes of the quadrature in `both_below`: exact to seven digits for correlations up to 0.9.
_N_NODES = 6


@dataclass(frozen=True)
class Scenario:
    """Models with correlated errors on the same validation examples.

    Parameters
    ----------
    n_examples : int
        Validation examples.
    accuracy : float
        True accuracy of all models but the leader.
    correlation : float
        Correlation of the hits (correct predictions) of two models, on average over pairs.
    fidelity : float
        Correlation of a model's noise at the time of pruning and at the end.
    """

    n_examples: int
    accuracy: float
    correlation: float
    fidelity: float = 0.3

    @property
    def standard_error(self) -> float:
        """Standard error of one accuracy."""
        return float((self.accuracy * (1 - self.accuracy) / self.n_examples) ** 0.5)


@dataclass(frozen=True)
class Cell:
    """One selection of the best model.

    Parameters
    ----------
    n_models : int
        Number of models before pruning.
    lead : float
        Lead in true accuracy of one model over all others, in standard errors.
    n_kept : int or None
        Number of models that are not pruned; None for all.
    """

    n_models: int
    lead: float
    n_kept: int | None


@dataclass(frozen=True)
class Repetition:
    """Result of one simulated selection, with the true accuracy.

    Parameters
    ----------
    scores : float array
        Final scores of the models that were not pruned, the best first.
    kept, pruned : float array
        Scores at the time of pruning: of the same models, and of the others.
    one, mean : float
        Variances as `summarize_noise` takes them.
    n_near : int
        Number of models that `one` and `mean` are computed over.
    near : float
        Mean score of these models.
    truth : float
        True accuracy of the selected model.
    hits : bool array
        Correct predictions of the models that were not pruned, the best first; empty for more
        than 300 examples.
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


def simulate_selections(
    scenario: Scenario, cells: Sequence[Cell], rng: np.random.Generator
) -> Iterator[tuple[Cell, Repetition]]:
    """Simulate one selection for each cell, all from the same random draws.

    Model k is correct on an example if ``noise < strength + difficulty``, with Gaussian noise of
    each pair and Gaussian difficulty of each example. At the time of pruning the model is weaker,
    and its noise is another one, correlated with that at the end.

    Notes
    -----
    The noise itself is not drawn. Given the difficulty, the probabilities that a model is correct
    at the end, at the time of pruning, at both or at neither are known, so that one uniform
    number for each model and example decides; that takes a quarter of the time.
    """
    n, latent = scenario.n_examples, _latent_correlation(scenario.accuracy, scenario.correlation)
    n_models = max(cell.n_models for cell in cells)
    difficulty = np.sqrt(latent) * rng.standard_normal(n)
    numbers = rng.random((n_models, n), np.float32)

    def decide(numbers: Numbers, accuracy: float) -> tuple[NDArray[np.bool_], Floats]:
        """Return hits at the end and accuracies at the time of pruning, for one true accuracy."""
        bounds = (ndtri(accuracy) + difficulty) / np.sqrt(1 - latent)
        early_bounds = bounds - _EARLY_DEFICIT / np.sqrt(1 - latent)
        both = both_below(bounds, early_bounds, scenario.fidelity)
        late, early = numbers < _to_float32(ndtr(bounds)), numbers < _to_float32(both)
        early |= numbers >= _to_float32(1 - (ndtr(early_bounds) - both))
        return late, early.mean(axis=-1)

    hits, early = decide(numbers, scenario.accuracy)
    counts = hits.astype(np.float32)
    both = (counts @ counts.T).astype(np.float64)
    truths = np.full(n_models, scenario.accuracy)
    for lead in dict.fromkeys(cell.lead for cell in cells):
        truths[0] = min(scenario.accuracy + lead * scenario.standard_error, _HIGHEST)
        hits[0], early[0] = decide(numbers[0], truths[0])
        counts[0] = hits[0]
        both[0] = both[:, 0] = counts @ counts[0]
        for cell in cells:
            if cell.lead == lead:
                yield cell, _select(cell, hits, both, early, truths, rng)


def both_below(x: Floats, y: Floats, correlation: float) -> Floats:
    """Return the probability that two correlated standard normals are below `x` and `y`.

    By Plackett's identity (1954) its derivative with respect to the correlation is the density,
    which is integrated by Gauss-Legendre quadrature over the arc sine, where it is smooth.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    width = np.arcsin(correlation) / 2
    sines = np.sin(width * (nodes + 1))
    x, y = x[:, None], y[:, None]
    densities = np.exp(-(x**2 - 2 * sines * x * y + y**2) / (2 * (1 - sines**2))) / (2 * np.pi)
    probabilities: Floats = ndtr(x[:, 0]) * ndtr(y[:, 0]) + width * (densities @ weights)
    return probabilities


def stack_repetitions(
    repetitions: Iterable[Repetition], n_examples: int
) -> tuple[Floats, Noise, Floats, Floats]:
    """Stack scores, noise, and early scores of kept and pruned models of one cell's repetitions."""
    repetitions = list(repetitions)
    noise = summarize_noise(
        np.array([one.one for one in repetitions]),
        np.array([one.mean for one in repetitions]),
        np.array([one.n_near for one in repetitions]),
        n_examples,
        np.array([one.near for one in repetitions]),
    )
    scores, kept, pruned = (
        np.array([getattr(one, name) for one in repetitions])
        for name in ("scores", "kept", "pruned")
    )
    return scores, noise, kept, pruned


def _select(
    cell: Cell,
    hits: NDArray[np.bool_],
    both: Floats,
    early: Floats,
    truths: Floats,
    rng: np.random.Generator,
) -> Repetition:
    n = hits.shape[1]
    # Ties go to the first, so the order is random: the leader must not win all of them.
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
    return Repetition(
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


def _to_float32(probabilities: Floats) -> Numbers:
    """Convert to the precision of the random numbers that they are compared with."""
    return probabilities.astype(np.float32)


@cache
def _latent_correlation(accuracy: float, correlation: float) -> float:
    """Find the correlation of two latent normals whose thresholded values have `correlation`."""
    strength = ndtri(accuracy)

    def excess(latent: float) -> float:
        joint = multivariate_normal([0, 0], [[1, latent], [latent, 1]]).cdf([strength, strength])
        return float((joint - accuracy**2) / (accuracy * (1 - accuracy)) - correlation)

    return float(brentq(excess, 1e-3, 0.999))
