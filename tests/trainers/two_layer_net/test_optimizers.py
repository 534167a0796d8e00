"""Optimizers against their papers' formulas, in float64, and against NumPy's float32 to the bit."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.optimizers import flatten, make_optimizer

Make = Callable[..., Hyperparameters]
RATES = (0.1, 0.1, 0.05, 0.02)
DECAY = 0.3


def _gradients() -> Any:
    return np.random.default_rng(1).standard_normal((len(RATES), 3, 4))


def _run(setting: Hyperparameters, parts: list[slice]) -> np.ndarray:
    """Take a few steps on one parameter, part by part; interrupted, and resumed from the state."""
    weights = np.asarray(np.random.default_rng(0).standard_normal((3, 4)), np.float32)
    memory: dict[str, Any] = {}
    for rate, gradient in zip(RATES, _gradients(), strict=True):
        optimizer = make_optimizer(setting, {"W1": weights}, memory)
        factor = optimizer.begin(rate)
        carried = flatten(np.asarray(factor * gradient, np.float32))
        squares = sum(optimizer.descend("W1", carried[part], DECAY, part) for part in parts)
        assert squares == pytest.approx(np.sum(np.square(weights)), rel=1e-5)
    return weights


def _plain(w: np.ndarray) -> np.ndarray:
    for rate, gradient in zip(RATES, _gradients(), strict=True):
        w = w - rate * (gradient + DECAY * w)
    return w


def _nesterov(w: np.ndarray) -> np.ndarray:
    """Keras's and PyTorch's form, which is the same for a constant rate."""
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


@pytest.mark.parametrize("parts", [[slice(None)], [slice(0, 3), slice(3, 9), slice(9, 12)]])
@pytest.mark.parametrize(
    ("name", "exact"), [("sgd", _plain), ("nesterov", _nesterov), ("adam", _adam)]
)
def test_steps_follow_the_formula_also_by_parts_and_when_resumed(
    name: Any, exact: Callable[[np.ndarray], np.ndarray], parts: list[slice], setting: Make
) -> None:
    expected = exact(np.random.default_rng(0).standard_normal((3, 4)))
    found = _run(setting(optimizer=name), parts)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_nesterov_looks_ahead() -> None:
    """On a quadratic function, against Sutskever's two equations."""
    setting = Hyperparameters(
        learning_rate=0.1,
        learning_rate_decay=1,
        reg=0,
        hidden_size=1,
        epochs=1,
        batch_size=1,
        initial_std=1,
        optimizer="nesterov",
        momentum=0.9,
    )
    ahead, memory = np.ones((1, 1), np.float32), {}
    optimizer = make_optimizer(setting, {"W1": ahead}, memory)
    theta, v = 1.0, 0.0
    for _ in range(20):
        factor = optimizer.begin(0.1)
        optimizer.descend("W1", flatten(np.float32(factor) * ahead), 0.0)
        v = 0.9 * v - 0.1 * (theta + 0.9 * v)
        theta += v
        assert ahead[0, 0] == pytest.approx(theta + 0.9 * v, abs=1e-5)


def _sgd_by_numpy(w: Any, g: Any, memory: Any) -> None:
    w *= np.float32(1 - 0.1 * DECAY)
    w -= g


def _nesterov_by_numpy(w: Any, g: Any, memory: Any) -> None:
    velocity, momentum = memory["velocity.W1"], np.float32(0.9)
    g = g + w * np.float32(0.1 * DECAY)
    velocity *= momentum
    velocity -= g
    w -= g
    w += velocity * momentum


def _adam_by_numpy(w: Any, g: Any, memory: Any) -> None:
    mean, square, n = memory["mean.W1"], memory["square.W1"], int(memory["adam_steps"]) + 1
    mean += (g - mean) * np.float32(1 - 0.9)
    square += (np.square(g) - square) * np.float32(1 - 0.999)
    spread = np.sqrt(square * np.float32(1 / (1 - 0.999**n))) + np.float32(1e-8)
    w *= np.float32(1 - 0.1 * DECAY)
    w -= np.float32(0.1 / (1 - 0.9**n)) * mean / spread
    memory["adam_steps"] += 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), shape=st.tuples(st.integers(1, 40), st.integers(1, 40)))
@pytest.mark.parametrize(
    ("name", "by_numpy"),
    [("sgd", _sgd_by_numpy), ("nesterov", _nesterov_by_numpy), ("adam", _adam_by_numpy)],
)
def test_weights_are_numpys_to_the_bit(
    name: Any, by_numpy: Callable[[Any, Any, Any], None], seed: int, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    setting = Hyperparameters(
        learning_rate=0.1,
        learning_rate_decay=1,
        reg=0,
        hidden_size=1,
        epochs=1,
        batch_size=1,
        initial_std=1,
        optimizer=name,
        momentum=0.9,
    )
    weights = np.asarray(rng.standard_normal(shape), np.float32)
    memory: dict[str, Any] = {}
    optimizer = make_optimizer(setting, {"W1": weights}, memory)
    expected, remembered = weights.copy(), copy.deepcopy(memory)
    for _ in range(3):
        optimizer.begin(0.1)
        gradient = np.asarray(rng.standard_normal(shape), np.float32)
        by_numpy(expected, gradient, remembered)
        optimizer.descend("W1", flatten(gradient), DECAY)
        np.testing.assert_array_equal(weights, expected)


def test_arrays_that_are_not_contiguous_are_refused() -> None:
    setting = Hyperparameters(
        learning_rate=0.1,
        learning_rate_decay=1,
        reg=0,
        hidden_size=1,
        epochs=1,
        batch_size=1,
        initial_std=1,
        optimizer="nesterov",
    )
    first_columns = np.ones((4, 6), np.float32)[:, :3]
    with pytest.raises(ValueError, match="copy"):
        make_optimizer(setting, {"W1": first_columns}, {})


def test_state_in_fortran_order_continues_like_state_in_c_order() -> None:
    setting = Hyperparameters(
        learning_rate=0.1,
        learning_rate_decay=1,
        reg=0,
        hidden_size=1,
        epochs=1,
        batch_size=1,
        initial_std=1,
        optimizer="nesterov",
        momentum=0.9,
    )
    rng = np.random.default_rng(0)
    velocity, gradient = (rng.standard_normal((3, 4)).astype(np.float32) for _ in range(2))
    ends = []
    for remembered in (velocity.copy(), np.asfortranarray(velocity)):
        weights, memory = np.ones((3, 4), np.float32), {"velocity.W1": remembered}
        optimizer = make_optimizer(setting, {"W1": weights}, memory)
        optimizer.begin(0.1)
        optimizer.descend("W1", flatten(gradient), DECAY)
        ends.append((weights, memory["velocity.W1"]))
    np.testing.assert_array_equal(ends[0], ends[1])
