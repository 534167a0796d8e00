"""Wilson's interval is Wilson's, and holds near 0 and 1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from hpsearch.engine.selection.intervals import wilson_interval


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
