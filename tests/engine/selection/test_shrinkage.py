"""What is concluded about one true value from many scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from hpsearch.engine.selection.shrinkage import (
    GRID,
    combine_noise,
    estimate_fidelity,
    infer_position,
)

Floats = NDArray[np.float64]

positions = npst.arrays(
    np.float64,
    npst.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.floats(-1e6, 0, allow_nan=False),
)


def _mean(distribution: Floats) -> float:
    return float(distribution[0] @ GRID)


def _spread(distribution: Floats) -> float:
    return float(np.sqrt(distribution[0] @ GRID**2 - _mean(distribution) ** 2))


@settings(deadline=None)
@given(positions)
def test_each_row_is_a_distribution_of_its_own(others: Floats) -> None:
    found = infer_position(others)
    assert found.shape == (len(others), len(GRID))
    assert np.all(found >= 0)
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[-1:] == pytest.approx(infer_position(others[-1:]))


def test_the_best_of_equal_scores_is_shrunk_to_their_mean() -> None:
    """The best of 200 equal ones is 2.75 standard deviations above them on average."""
    others = np.random.default_rng(0).normal(-2.75, 1, (1, 199)).clip(max=0)
    middle = np.interp(0.5, infer_position(others)[0].cumsum(), GRID)
    assert middle == pytest.approx(-2.75, abs=0.5)


def test_a_score_far_above_the_others_is_not_shrunk() -> None:
    others = np.random.default_rng(0).normal(-9, 1, (1, 199))
    found = infer_position(others)
    assert _mean(found) == pytest.approx(0, abs=0.05)
    assert _spread(found) == pytest.approx(1, abs=0.05)


def test_a_single_score_is_not_shrunk() -> None:
    found = infer_position(np.empty((1, 0)))
    assert (_mean(found), _spread(found)) == pytest.approx((0, 1), abs=1e-3)


def test_two_close_scores_are_shrunk_and_two_distant_ones_are_not() -> None:
    close, distant = infer_position(np.array([[-1.0], [-8.0]]))[:, None]
    assert -0.5 < _mean(close) < -0.1
    assert abs(_mean(distant)) < 0.05


@pytest.mark.parametrize("fidelity", [0.1, 0.5, 0.9])
def test_fidelity_is_recovered_from_many_differences(fidelity: float) -> None:
    rng = np.random.default_rng(0)
    differences = 7 + rng.normal(0, np.sqrt(2 * (1 - fidelity)), (1, 2000))
    assert estimate_fidelity(differences)[0] == pytest.approx(fidelity, abs=0.06)


def test_a_single_trial_leaves_the_fidelity_at_its_prior_mean() -> None:
    assert estimate_fidelity(np.array([[3.0]]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("fidelity", [0.0, 0.3, 1.0])
def test_combined_noise_has_the_moments_of_the_sum(fidelity: float) -> None:
    earlier = np.exp(-0.5 * ((GRID + 2) / 0.8) ** 2)[None, :]
    final = np.exp(-0.5 * (GRID + 1) ** 2)[None, :]
    earlier, final = earlier / earlier.sum(), final / final.sum()
    found = combine_noise(earlier, final, np.array([fidelity]))
    rest = np.sqrt(1 - fidelity**2)
    assert found.sum() == pytest.approx(1)
    assert _mean(found) == pytest.approx(-2 * fidelity - rest, abs=0.02)
    assert _spread(found) == pytest.approx(np.hypot(0.8 * fidelity, rest), abs=0.03)
