"""The loss against float64, its gradient against NumPy's float32 to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.cross_entropy import differentiate_cross_entropy


def _make_batch(seed: int, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=5, size=(n, n_classes)).astype(np.float32)
    return scores, rng.dirichlet(np.ones(n_classes), n).astype(np.float32)


batches = given(seed=st.integers(0, 2**32), n=st.integers(1, 40), n_classes=st.integers(2, 12))


@settings(max_examples=60, deadline=None)
@batches
def test_loss_is_the_mean_cross_entropy(seed: int, n: int, n_classes: int) -> None:
    scores, targets = _make_batch(seed, n, n_classes)
    exact = scores.astype(np.float64)
    log_shares = exact - np.log(np.exp(exact).sum(axis=1, keepdims=True))
    n_right = np.count_nonzero(scores.argmax(axis=1) == targets.argmax(axis=1))
    sums = np.empty(n_classes, np.float32)
    loss, n_correct = differentiate_cross_entropy(scores, targets, np.float32(1), sums)
    assert loss == pytest.approx(-np.mean(np.sum(targets * log_shares, axis=1)), rel=1e-4)
    assert n_correct == n_right


@settings(max_examples=60, deadline=None)
@batches
def test_gradient_is_numpys_to_the_bit(seed: int, n: int, n_classes: int) -> None:
    scores, targets = _make_batch(seed, n, n_classes)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = (shares - targets) * np.float32(0.01)
    sums = np.empty(n_classes, np.float32)
    differentiate_cross_entropy(scores, targets, np.float32(0.01), sums)
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(sums, expected.sum(axis=0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", range(3))
def test_a_nan_score_gives_a_nan_loss(bad: float, place: int) -> None:
    scores, targets = _make_batch(0, 4, 3)
    scores[2, place] = bad
    with np.errstate(invalid="ignore"):
        loss, _ = differentiate_cross_entropy(
            scores, targets, np.float32(1), np.empty(3, np.float32)
        )
    assert not np.isfinite(loss)
