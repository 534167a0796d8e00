"""The loss of regressions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.gradcheck import eval_numerical_gradient, rel_error
from hpsearch.trainers.two_layer_net.squared_error import differentiate_squared_error


def differentiate(
    outputs: np.ndarray, targets: np.ndarray, factor: float
) -> tuple[float, float, np.ndarray, np.ndarray]:
    gradient, sums = outputs.astype(np.float32), np.empty(outputs.shape[1], np.float32)
    loss, total = differentiate_squared_error(
        gradient, targets.astype(np.float32), np.float32(factor), sums
    )
    return loss, total, gradient, sums


@given(st.integers(1, 9), st.integers(1, 3), st.integers(0, 99))
def test_squared_error_and_its_gradient(n: int, n_outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(size=(2, n, n_outputs))
    loss, total, gradient, sums = differentiate(outputs, targets, 1 / n)

    def mean_square(values: np.ndarray) -> float:
        return float(np.sum((values - targets) ** 2) / n)

    np.testing.assert_allclose(loss, mean_square(outputs), rtol=1e-5)
    np.testing.assert_allclose(total, n * loss)
    assert (
        rel_error(eval_numerical_gradient(mean_square, outputs.copy(), verbose=False), gradient)
        < 1e-3
    )
    np.testing.assert_allclose(sums, gradient.sum(axis=0), rtol=1e-4, atol=1e-6)


def test_squares_beyond_float32_are_finite_and_nan_is_kept() -> None:
    loss, *_ = differentiate(np.array([[1e25]]), np.array([[0.0]]), 1.0)
    assert np.isfinite(loss)
    loss, *_ = differentiate(np.array([[np.nan]]), np.array([[0.0]]), 1.0)
    assert np.isnan(loss)
