"""Confidence intervals and paired tests: known values, and coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from scipy.stats import binom, binomtest, ttest_rel

from hpsearch.engine.selection.statistical_tests import (
    compare_on_images,
    compare_scores,
    wilson_interval,
)


@settings(deadline=None)
@given(st.integers(1, 20_000), st.data())
def test_the_interval_is_the_one_that_scipy_computes(n: int, data: st.DataObject) -> None:
    n_hits = data.draw(st.integers(0, n))
    low, high = wilson_interval(n_hits, n)
    expected = binomtest(n_hits, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-9)
    assert 0 <= low <= n_hits / n <= high <= 1


@pytest.mark.parametrize(("accuracy", "n"), [(0.5, 100), (0.9, 300), (0.97, 1000)])
def test_the_interval_has_its_nominal_coverage(accuracy: float, n: int) -> None:
    covered = sum(
        float(binom.pmf(k, n, accuracy))
        for k in range(n + 1)
        if wilson_interval(k, n)[0] <= accuracy <= wilson_interval(k, n)[1]
    )
    assert 0.93 < covered < 0.97


@pytest.mark.parametrize(("n_hits", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(n_hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="n_hits: expected between 0 and n"):
        wilson_interval(n_hits, n)


@settings(deadline=None)
@given(npst.arrays(np.bool_, (2, 60)))
def test_the_p_value_is_mcnemars_and_symmetric(hits: NDArray[np.bool_]) -> None:
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


def test_scores_are_compared_by_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=50)
    second = first + rng.normal(0.1, 0.3, 50)
    second[:5] = first[:5]
    expected = ttest_rel(first, second).pvalue
    assert compare_scores(first, second) == (45, pytest.approx(expected))


def test_equal_scores_do_not_differ_and_a_constant_lead_does() -> None:
    scores = np.arange(4.0)
    assert compare_scores(scores, scores) == (0, 1.0)
    assert compare_scores(scores, scores + 1) == (4, 0.0)
