"""McNemar's test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from scipy.stats import binomtest, ttest_rel

from hpsearch.engine.selection.pairing import compare_on_images, compare_scores


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
