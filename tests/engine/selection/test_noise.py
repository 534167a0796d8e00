"""Noise of scores, told apart into what models share and what is each one's own."""

import numpy as np
import pytest

from hpsearch.engine.selection.noise import find_contenders, measure_noise


def _draw(own: float, shared: float, shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0, shared, shape[1]) + rng.normal(0, own, shape)


def test_own_and_shared_noise_are_recovered() -> None:
    scores = _draw(0.6, 0.8, (30, 20_000))
    means = scores.mean(axis=1)
    noise = measure_noise(scores, means, int(means.argmax()))
    assert noise.own[0] == pytest.approx(0.6 / 20_000**0.5, rel=0.02)
    assert noise.shared[0] == pytest.approx(0.64, abs=0.02)
    assert noise.standard_error(np.array([123.0]))[0] == pytest.approx(1 / 20_000**0.5, rel=0.02)


def test_the_correlation_of_simulated_hits_is_recovered() -> None:
    difficulty, luck = _draw(0, 1, (1, 20_000)), _draw(1, 0, (10, 20_000))
    hits = difficulty + luck > -1
    means = hits.mean(axis=1)
    expected = np.corrcoef(hits)[np.triu_indices(10, 1)].mean()
    assert measure_noise(hits, means, 0).shared[0] == pytest.approx(expected, abs=0.01)


def test_models_far_behind_do_not_change_the_estimated_noise() -> None:
    """A trial that diverged is wrong about other images than good ones."""
    rng = np.random.default_rng(0)
    good, bad = rng.random((5, 1000)) < 0.8, rng.random((50, 1000)) < 0.1
    scores = np.vstack([good, bad])
    means = scores.mean(axis=1)
    assert list(find_contenders(means, 0, 1000, None)) == [0, 1, 2, 3, 4]
    alone, among = measure_noise(good, means[:5], 0), measure_noise(scores, means, 0)
    assert (alone.own, alone.shared) == (among.own, among.shared)


def test_the_second_best_is_a_contender_however_far_behind() -> None:
    assert list(find_contenders(np.array([0.1, 0.9, 0.3]), 1, 10_000, None)) == [1, 2]
    assert list(find_contenders(np.array([0.9]), 0, 10_000, None)) == [0]


@pytest.mark.parametrize("n_models", [1, 2, 30])
def test_models_without_errors_still_have_noise(n_models: int) -> None:
    hits = np.ones((n_models, 50), np.bool_)
    noise = measure_noise(hits, np.ones(n_models), 0)
    assert np.isfinite(noise.own[0])
    assert noise.shared[0] > 0.5
    assert (noise.own[0] > 0) == (n_models > 1)
