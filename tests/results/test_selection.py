"""The corrected estimate is right where the plain one is not, in studies whose truth is known."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from hpsearch.results import selection
from hpsearch.results.selection import Estimate, compare_on_images, correct_for_selection

Hits = NDArray[np.bool_]


def _estimate(hits: Hits, seed: int = 0) -> Estimate:
    return correct_for_selection(hits, np.random.default_rng(seed))


class Bias(NamedTuple):
    plain: float
    corrected: float
    coverage: float


def _simulate(spread: float, n_studies: int = 400, n_trials: int = 20, n_images: int = 200) -> Bias:
    """Studies of nets that find the same images hard, and whose true accuracy is known.

    Net k is right about an image if ``strength k + difficulty + luck > 0``, all Gaussian, with
    70 % of the variance common to all nets; accuracies are near 0.69.
    """
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(n_studies):
        strength = rng.normal(0.5, spread, n_trials)
        difficulty = rng.normal(0, np.sqrt(0.7), n_images)
        luck = rng.normal(0, np.sqrt(0.3), (n_trials, n_images))
        hits = strength[:, None] + difficulty + luck > 0
        winner = hits.mean(axis=1).argmax()
        truth = norm.cdf(strength[winner])
        found = correct_for_selection(hits, rng)
        covered = found.low <= truth <= found.high
        rows.append((hits[winner].mean() - truth, found.val_accuracy - truth, covered))
    return Bias(*np.mean(rows, axis=0))


@pytest.mark.parametrize(
    ("spread", "plain", "corrected", "widest"),
    [(0.0, 0.035, 0.004, 0.995), (0.1, 0.018, 0.008, 0.975), (0.2, 0.010, 0.008, 0.965)],
)
def test_the_plain_accuracy_of_the_best_is_biased_and_the_corrected_one_is_not(
    spread: float,
    plain: float,
    corrected: float,
    widest: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty nets on 200 images: equal ones, and with accuracies that deviate by 0.035 and 0.07."""
    monkeypatch.setattr(selection, "N_RESAMPLES", 200)
    found = _simulate(spread)
    assert found.plain > plain
    assert abs(found.corrected) < corrected
    assert 0.93 <= found.coverage <= widest


def test_the_interval_of_a_single_trial_is_that_of_a_plain_share() -> None:
    hits = np.arange(300)[None, :] < 240
    found = _estimate(hits)
    plain = binomtest(240, 300).proportion_ci(method="wilson")
    assert found.val_accuracy == 0.8
    assert (found.low, found.high) == pytest.approx(tuple(plain), abs=2e-3)
    assert found.high - found.low >= plain.high - plain.low - 1e-6


def test_all_at_once_is_what_a_loop_over_resamples_gives() -> None:
    hits = np.random.default_rng(1).random((5, 37)) < 0.6
    rng, scores = np.random.default_rng(0), []
    for _ in range(selection.N_RESAMPLES):
        drawn = rng.integers(37, size=37)
        winner = max(range(5), key=lambda k: (hits[k, drawn].sum(), -k))
        left_out = [m for m in range(37) if m not in drawn]
        scores.append(hits[winner, left_out].mean())
    assert _estimate(hits).val_accuracy == pytest.approx(np.mean(scores), rel=1e-12)


hit_arrays = npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(hit_arrays)
def test_an_estimate_lies_in_its_interval_and_the_interval_among_accuracies(hits: Hits) -> None:
    found = _estimate(hits)
    assert 0 <= found.low <= found.val_accuracy <= found.high <= 1
    assert found.low < found.high
    assert (found.n_trials, found.n_images) == hits.shape
    assert found == _estimate(hits)


@given(hit_arrays, st.data())
def test_a_trial_that_answers_as_an_earlier_one_changes_nothing(hits: Hits, data: Any) -> None:
    """Of equals the lower number is the best, in every resample as in the study."""
    twin = data.draw(st.integers(0, len(hits) - 1))
    after = data.draw(st.integers(twin + 1, len(hits)))
    more = np.insert(hits, after, hits[twin], axis=0)
    if len(hits) > 1:
        assert dataclasses.replace(_estimate(more), n_trials=len(hits)) == _estimate(hits)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_to_estimate_from_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected a trial and an image"):
        _estimate(np.zeros(shape, np.bool_))


@given(npst.arrays(np.bool_, (2, 60)))
def test_the_test_is_mcnemars_and_takes_no_side(hits: Hits) -> None:
    first, second = hits
    one, other = compare_on_images(first, second), compare_on_images(second, first)
    assert (one.n_first, one.n_second) == (other.n_second, other.n_first)
    assert one.p_value == other.p_value
    n = one.n_first + one.n_second
    assert n == np.sum(first != second)
    expected = binomtest(one.n_first, n).pvalue if n else 1.0
    assert one.p_value == pytest.approx(expected, rel=1e-9)


def test_thousands_of_images_neither_overflow_nor_take_long() -> None:
    first = np.arange(20_000) < 10_500
    found = compare_on_images(first, ~first)
    assert 0 < found.p_value < 1e-11
