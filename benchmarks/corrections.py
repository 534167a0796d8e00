"""Baselines: other corrections for selection bias, with 95 % confidence intervals.

Each takes scores of shape (R, K), R repetitions of K models with the best first, and their noise,
and returns the low end, the estimate and the high end of the best model's true accuracy, each of
shape (R,).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hpsearch.engine.selection.noise import Noise
from hpsearch.engine.selection.statistical_tests import wilson_interval

__all__ = [
    "correct_by_bbc",
    "correct_by_hybrid",
    "correct_by_scaled_bbc",
    "keep_plain",
    "project",
    "resample",
    "score_left_out",
]

Floats = NDArray[np.float64]
Resamples = NDArray[np.float32]
Interval = tuple[Floats, Floats, Floats]
# Andrews, Kitagawa and McCloskey use beta = alpha / 10 for the projection in the hybrid.
_ALPHA, _BETA = 0.05, 0.005


def keep_plain(scores: Floats, noise: Noise) -> Interval:
    """Return the best score uncorrected, with Wilson's interval."""
    best, n = scores[:, 0], noise.n_examples
    ends = np.array([wilson_interval(score * n, n) for score in np.minimum(best, 1.0)])
    return ends[:, 0], best, ends[:, 1]


def project(scores: Floats, noise: Noise, level: float = 1 - _ALPHA) -> Interval:
    """Return the best score uncorrected, with an interval simultaneous over all models."""
    best = scores[:, 0]
    margin = _error(noise) * _simultaneous(scores.shape[1], _correlations(noise), level)
    return best - margin, best, best + margin


def correct_by_hybrid(scores: Floats, noise: Noise, beta: float = _BETA) -> Interval:
    """Median-unbiased estimate and equal-tailed interval of Andrews, Kitagawa and McCloskey.

    "Inference on Winners", QJE 139 (2024), section 5: given its selection, the best score is a
    normal, truncated at the second best and to the projection interval of level 1 - beta.
    With beta = 0 it is their conditional estimate. All models have the same correlation here. The
    method is for continuous scores; for counts, half a hit is added to the lead as a continuity
    correction, also for a tie.
    """
    error = _error(noise)
    best = scores[:, 0] / error
    step = 1 / noise.n_examples if noise.deviation is None else 0.0
    lead = scores[:, 0] - scores[:, 1:].max(axis=1) + step / 2
    lowest = best - lead / error / (1 - noise.shared)
    reach = (
        _simultaneous(scores.shape[1], _correlations(noise), 1 - beta)
        if beta
        else np.full_like(best, 60.0)
    )
    tail = (_ALPHA - beta) / (1 - beta) / 2
    low, middle, high = (_find_mean(best, lowest, reach, q) * error for q in (1 - tail, 0.5, tail))
    return low, middle, high


def resample(n_examples: int, rng: np.random.Generator, n_resamples: int = 300) -> Resamples:
    """Draw bootstrap resamples, as counts of each example in each: shape (B, N)."""
    shares = np.full(n_examples, 1 / n_examples)
    return rng.multinomial(n_examples, shares, n_resamples).astype(np.float32)


def score_left_out(hits: NDArray[np.bool_], drawn: Resamples) -> Floats:
    """Choose the best model on each resample and score it on the examples not drawn, shape (B,).

    For hits of shape (K, N): Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the
    out-of-sample predictions for efficient and accurate cross-validation", Machine Learning 107
    (2018), algorithm 5.
    """
    winners = (drawn @ hits.T.astype(np.float32)).argmax(axis=1)
    left_out = drawn == 0
    scores: Floats = (hits[winners] & left_out).sum(axis=1) / left_out.sum(axis=1)
    return scores


def correct_by_bbc(left_out: Floats) -> Interval:
    """Average the scores of B resamples, shape (R, B), with the percentile interval (BBC-CV)."""
    low, high = np.quantile(left_out, (_ALPHA / 2, 1 - _ALPHA / 2), axis=1)
    return low, left_out.mean(axis=1), high


def correct_by_scaled_bbc(left_out: Floats, n_examples: int) -> Interval:
    """Average as BBC-CV, with an interval rescaled from left-out examples to all examples.

    A score on all examples varies less than one on those left out. The interval is Wilson's, for
    the number of examples that gives the variance so rescaled.
    """
    share = (1 - 1 / n_examples) ** n_examples
    estimates, variances = left_out.mean(axis=1), left_out.var(axis=1) * share / (1 - share)
    effective_sizes = estimates * (1 - estimates) / np.maximum(variances, 1e-12)
    sizes = np.clip(np.round(effective_sizes), 1, n_examples).astype(int)
    ends = [wilson_interval(one * n, n) for one, n in zip(estimates, sizes, strict=True)]
    low, high = np.array(ends).T
    return low, estimates, high


def _error(noise: Noise) -> Floats:
    error: Floats = np.maximum(noise.own, 1e-9) / np.sqrt(1 - noise.shared + 1e-12)
    return error


def _correlations(noise: Noise) -> Floats:
    return np.clip(np.round(noise.shared, 1), 0.0, 0.9)


def _simultaneous(n_models: int, correlations: Floats, level: float) -> Floats:
    return np.array([_critical_value(n_models, float(one), level) for one in correlations])


@cache
def _critical_value(n_models: int, correlation: float, level: float) -> float:
    """Quantile of the largest of `n_models` absolute values of equally correlated normals."""
    rng = np.random.default_rng(0)
    own, shared = rng.normal(size=(10_000, n_models)), rng.normal(size=(10_000, 1))
    values = np.sqrt(1 - correlation) * own + np.sqrt(correlation) * shared
    return float(np.quantile(np.abs(values).max(axis=1), level))


def _find_mean(x: Floats, lowest: Floats, reach: Floats, q: float) -> Floats:
    """Find the mean of a normal, truncated at `lowest` and mean +- `reach`, with P(X <= x) = q."""
    low, high = x - reach, x + reach  # bisection; the probability falls with the mean
    for _ in range(30):
        middle = (low + high) / 2
        bottom = np.maximum(lowest, middle - reach)
        inside = ndtr(middle - bottom) - ndtr(-reach)
        above = ndtr(middle - x) - ndtr(-reach)
        probability = 1 - np.divide(above, inside, out=np.zeros_like(x), where=inside > 1e-290)
        low, high = np.where(probability < q, low, middle), np.where(probability < q, middle, high)
    return (low + high) / 2
