"""The corrected estimate is near the truth and its interval covers it, where the truth is known."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from scipy.stats import binomtest

from hpsearch.engine.selection.bias_correction import EarlyScores, Estimate, correct_for_selection

Hits = NDArray[np.bool_]


class Found(NamedTuple):
    plain: float
    corrected: float
    coverage: float


def _simulate(leads: Sequence[float], rng: np.random.Generator, n_kept: int | None = None) -> Found:
    """Median errors in standard errors, and coverage, in 300 studies on 300 images.

    Accuracies are 0.8, and that of each model with a lead so many standard errors more. Half of
    the variance of hits is shared. With `n_kept` all others are pruned by an earlier score, whose
    own noise correlates by 0.3 with that of the final one.
    """
    n, error = 300, (0.8 * 0.2 / 300) ** 0.5
    truths = 0.8 + error * np.asarray(leads)
    rows = []
    for _ in range(300):
        # One of two answers is taken: the same for all, or one's own.
        is_shared = rng.random(n) < 0.5
        shared, own, early = rng.random(n), rng.random((2, len(truths), n)), None
        hits = np.where(is_shared, shared, own[0]) < truths[:, None]
        models = rng.permutation(len(truths))
        if n_kept:
            is_kept = rng.random((len(truths), n)) < 0.3
            first = np.where(is_shared, shared, np.where(is_kept, own[0], own[1])) < truths[:, None]
            models = models[np.argsort(-first.mean(axis=1)[models])]
            first_scores = first.mean(axis=1)[models]
            early = EarlyScores(first_scores[:n_kept], first_scores[n_kept:])
            models = models[:n_kept]
        found = correct_for_selection(hits[models], early)
        winner = models[hits[models].mean(axis=1).argmax()]
        truth = truths[winner]
        covered = found.low <= truth <= found.high
        rows.append((hits[winner].mean() - truth, found.val_score - truth, covered))
    errors = np.array(rows)
    plain, corrected = np.median(errors[:, :2], axis=0) / error
    return Found(plain, corrected, errors[:, 2].mean())


@pytest.mark.parametrize(
    ("leads", "n_kept", "plain"),
    [
        ([0.0] * 30, None, 1.2),
        ([2.0] + [0.0] * 29, None, 0.2),
        ([3.0] + [0.0] * 99, None, 0.0),
        ([0.5 * k for k in range(5)] + [-20.0] * 15, None, 0.0),
        ([0.0] * 60, 2, 0.4),
    ],
    ids=["equal", "a leader", "a clear leader", "a few near it, many far below", "pruned"],
)
def test_the_best_accuracy_is_biased_and_the_corrected_one_is_not(
    leads: list[float], n_kept: int | None, plain: float
) -> None:
    found = _simulate(leads, np.random.default_rng(5), n_kept)
    assert found.plain > plain
    assert abs(found.corrected) < 0.5
    assert found.coverage > 0.93


def test_pruned_trials_close_to_the_winner_increase_the_correction() -> None:
    """The best of two that were left of many is corrected more than the best of two."""
    hits = np.random.default_rng(0).random((2, 500)) < 0.8
    kept = np.array([0.71, 0.72])
    near, far = (EarlyScores(kept, np.full(60, value)) for value in (0.69, 0.1))
    without = correct_for_selection(hits)
    assert correct_for_selection(hits, near).val_score < without.val_score - 0.003
    assert correct_for_selection(hits, far).val_score == pytest.approx(without.val_score, abs=0.002)
    assert correct_for_selection(hits, EarlyScores(kept, np.empty(0))) == without


def test_the_interval_of_a_single_trial_is_wilsons() -> None:
    found = correct_for_selection(np.arange(300)[None, :] < 240)
    plain = binomtest(240, 300).proportion_ci(method="wilson")
    expected = (plain.low, 0.8, plain.high)
    assert (found.low, found.val_score, found.high) == pytest.approx(expected, abs=1e-5)


def test_other_scores_than_hits_are_corrected_too() -> None:
    """Squared errors of a regression, negated: more is better, and there is no highest value."""
    rng = np.random.default_rng(0)
    found, errors = [], []
    for _ in range(200):
        losses = rng.exponential(2, 300) + rng.normal(0, 2, (20, 300))
        scores = -10 * losses
        one = correct_for_selection(scores)
        found.append(one.low <= -20 <= one.high)
        errors.append([scores.mean(axis=1).max() + 20, one.val_score + 20])
    assert np.mean(found) > 0.93
    plain, corrected = np.median(errors, axis=0)
    assert plain > 1.5
    assert abs(corrected) < 0.6


hit_arrays = npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2, max_side=12))


@settings(deadline=None)
@given(hit_arrays)
def test_an_estimate_lies_in_its_interval_and_the_interval_among_accuracies(hits: Hits) -> None:
    found = correct_for_selection(hits)
    assert 0 <= found.low <= found.val_score <= found.high <= 1
    assert found.low < found.high
    assert (found.n_trials, found.n_images) == hits.shape


@settings(deadline=None)
@given(hit_arrays, st.data())
def test_the_order_of_trials_and_of_images_does_not_matter(hits: Hits, data: st.DataObject) -> None:
    trials = data.draw(st.permutations(range(len(hits))))
    images = data.draw(st.permutations(range(hits.shape[1])))
    assert _values(correct_for_selection(hits[np.ix_(trials, images)])) == pytest.approx(
        _values(correct_for_selection(hits)), abs=1e-9
    )


@settings(deadline=None)
@given(
    npst.arrays(np.float64, (4, 9), elements=st.floats(-1, 1)),
    st.floats(0.01, 100),
    st.floats(-100, 100),
)
def test_another_unit_and_origin_of_the_scores_change_nothing_else(
    scores: NDArray[np.float64], unit: float, origin: float
) -> None:
    if scores.std(axis=1).min() < 1e-3 or np.ptp(scores.mean(axis=1)) < 1e-3:
        return
    expected = origin + unit * np.array(_values(correct_for_selection(scores)))
    found = _values(correct_for_selection(origin + unit * scores))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6 * unit)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 5), (200, 3)])
@pytest.mark.parametrize("value", [False, True, 0.0, 1.5])
def test_scores_without_any_difference_are_no_error(shape: tuple[int, int], value: float) -> None:
    found = correct_for_selection(np.full(shape, value))
    assert found.low <= found.val_score <= found.high


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_to_estimate_from_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected a trial and an image"):
        correct_for_selection(np.zeros(shape, np.bool_))


def _values(found: Estimate) -> tuple[float, float, float]:
    return found.low, found.val_score, found.high
