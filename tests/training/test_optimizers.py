"""Optimizers against their papers' formulas, in float64, with fresh arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.training import Hyperparameters
from hpsearch.training.optimizers import make_optimizer

Make = Callable[..., Hyperparameters]
RATES = (0.1, 0.1, 0.05, 0.02)
DECAY = 0.3


def _gradients() -> Any:
    return np.random.default_rng(1).standard_normal((len(RATES), 3, 4))


def _run(setting: Hyperparameters, tiles: list[slice]) -> np.ndarray:
    """A few steps on one parameter, tile by tile; interrupted, and taken up from memory."""
    weights = np.asfortranarray(np.random.default_rng(0).standard_normal((3, 4)), np.float32)
    memory: dict[str, Any] = {}
    for rate, gradient in zip(RATES, _gradients(), strict=True):
        optimizer = make_optimizer(setting, {"W1": weights}, memory)
        factor = optimizer.begin(rate)
        for tile in tiles:
            carried = (factor * gradient[:, tile]).astype(np.float32)
            optimizer.descend("W1", weights[:, tile], carried, DECAY, tile)
    return weights


def _plain(w: np.ndarray) -> np.ndarray:
    for rate, gradient in zip(RATES, _gradients(), strict=True):
        w = w - rate * (gradient + DECAY * w)
    return w


def _nesterov(w: np.ndarray) -> np.ndarray:
    """Keras's and PyTorch's form for a constant rate; each step takes its own."""
    v = np.zeros_like(w)
    for rate, gradient in zip(RATES, _gradients(), strict=True):
        g = gradient + DECAY * w
        v = 0.9 * v - rate * g
        w = w + 0.9 * v - rate * g
    return w


def _adam(w: np.ndarray) -> np.ndarray:
    m, s = np.zeros_like(w), np.zeros_like(w)
    for t, (rate, g) in enumerate(zip(RATES, _gradients(), strict=True), start=1):
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * g * g
        w = w - rate * DECAY * w - rate * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize("tiles", [[slice(None)], [slice(0, 1), slice(1, 3), slice(3, 4)]])
@pytest.mark.parametrize(
    ("name", "exact"), [("sgd", _plain), ("nesterov", _nesterov), ("adam", _adam)]
)
def test_steps_are_those_of_the_formula_tile_by_tile_and_over_an_interruption(
    name: Any, exact: Callable[[np.ndarray], np.ndarray], tiles: list[slice], setting: Make
) -> None:
    expected = exact(np.random.default_rng(0).standard_normal((3, 4)))
    found = _run(setting(optimizer=name), tiles)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_nesterov_looks_ahead() -> None:
    """On a quadratic bowl it must be as good as its name: the same as Sutskever's two lines."""
    setting = Hyperparameters(0.1, 1, 0, 1, 1, 1, 1, optimizer="nesterov", momentum=0.9)
    ahead, memory = np.ones((1, 1), np.float32), {}
    optimizer = make_optimizer(setting, {"W1": ahead}, memory)
    theta, v = 1.0, 0.0
    for _ in range(20):
        factor = optimizer.begin(0.1)
        optimizer.descend("W1", ahead, np.float32(factor) * ahead, 0.0)
        v = 0.9 * v - 0.1 * (theta + 0.9 * v)
        theta += v
        assert ahead[0, 0] == pytest.approx(theta + 0.9 * v, abs=1e-5)
