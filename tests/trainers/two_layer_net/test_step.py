"""A step compared with the reference implementation in `net.py`, block by block."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.dropout import Dropout
from hpsearch.trainers.two_layer_net.first_layer import Inputs
from hpsearch.trainers.two_layer_net.gradcheck import eval_numerical_gradient
from hpsearch.trainers.two_layer_net.net import loss_and_gradients, make_parameters
from hpsearch.trainers.two_layer_net.products import (
    LANES,
    Blocks,
    PackedPixels,
    Panels,
    layout,
    parts,
)
from hpsearch.trainers.two_layer_net.step import Step
from hpsearch.trainers.two_layer_net.targets import TargetMaker
from tests.trainers.two_layer_net.ordered import multiply_in_order

N_INPUTS, N_CLASSES = 6, 3


def _plain(reg: float, n_hidden: int) -> Hyperparameters:
    return Hyperparameters(
        learning_rate=0.1,
        learning_rate_decay=0.95,
        reg=reg,
        hidden_size=n_hidden,
        epochs=1,
        batch_size=8,
        initial_std=0.5,
    )


def _draw_floats(rng: np.random.Generator) -> Inputs:
    return _cut(rng.standard_normal((8, 700)).astype(np.float32))


def _draw_pixels(rng: np.random.Generator) -> Inputs:
    pixels = PackedPixels.allocate(8, np.full(700, 127.5, np.float32))
    pixels.take(rng.integers(127, 129, (8, 700), np.uint8), np.arange(8))
    return pixels


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_hidden=st.sampled_from([1, 7, 16, 40]),
    n_classes=st.sampled_from([3, 20]),
    block_size=st.integers(1, 6),
    part_size=st.sampled_from([1, 100, 1000]),
    batches=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    reg=st.sampled_from([0.0, 0.01, 0.5]),
)
def test_steps_are_those_of_the_reference_implementation(
    seed: int,
    n_hidden: int,
    n_classes: int,
    block_size: int,
    part_size: int,
    batches: list[int],
    reg: float,
) -> None:
    rng = np.random.default_rng(seed)
    net = make_parameters(N_INPUTS, n_hidden, n_classes, 0.5, rng)
    exact = {name: array.astype(np.float64) for name, array in net.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "_ONE_BLOCK", 1)
        patch.setattr(layout, "_LARGEST_BLOCK", block_size)
        patch.setattr(parts, "_LARGEST", part_size)
        take = Step(net, _plain(reg, n_hidden), rng, {})
        for n in batches:
            X = rng.standard_normal((n, N_INPUTS)).astype(np.float32)
            y = rng.integers(0, n_classes, n)
            loss, gradients = loss_and_gradients(exact, X.astype(np.float64), y, reg)
            scores = np.maximum(X @ exact["W1"] + exact["b1"], 0) @ exact["W2"] + exact["b2"]
            found, n_correct = take(_cut(X), np.eye(n_classes, dtype=np.float32)[y], 0.1)
            assert found == pytest.approx(loss, rel=1e-4, abs=1e-5)
            margin = np.sort(scores, axis=1)
            if np.all(margin[:, -1] - margin[:, -2] > 1e-4):
                assert n_correct == np.count_nonzero(scores.argmax(axis=1) == y)
            take.write_back()
            for name in exact:
                exact[name] -= 0.1 * gradients[name]
                np.testing.assert_allclose(net[name], exact[name], rtol=1e-3, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), n_hidden=st.integers(1, 70), n=st.integers(1, 8))
def test_weights_after_a_step_have_the_bits_of_the_documented_order_of_sums(
    seed: int, n_hidden: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    net = make_parameters(N_INPUTS, n_hidden, N_CLASSES, 0.5, rng)
    W1, b1, W2, b2 = (net[name].copy() for name in ("W1", "b1", "W2", "b2"))
    X = rng.standard_normal((n, N_INPUTS)).astype(np.float32)
    targets = np.eye(N_CLASSES, dtype=np.float32)[rng.integers(0, N_CLASSES, n)]
    take = Step(net, _plain(0.1, n_hidden), rng, {})
    take(_cut(X), targets, 0.1)
    take.write_back()
    hidden = np.maximum(multiply_in_order(X, W1, b1), 0)
    scores = multiply_in_order(hidden, W2, b2)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    dscores = (shares - targets) * np.float32(0.1 / n)
    dhidden = multiply_in_order(dscores, W2.T) * (hidden > 0)
    keep = np.float32(1 - 0.1 * 2 * 0.1)
    np.testing.assert_array_equal(net["W1"], W1 * keep - multiply_in_order(X.T, dhidden))
    np.testing.assert_array_equal(net["b1"], b1 - np.add.accumulate(dhidden)[-1])
    np.testing.assert_array_equal(net["W2"], W2 * keep - multiply_in_order(hidden.T, dscores))
    np.testing.assert_array_equal(net["b2"], b2 - dscores.sum(axis=0))


def test_write_back_updates_the_net() -> None:
    net = make_parameters(N_INPUTS, 4, N_CLASSES, 0.5, np.random.default_rng(0))
    net["W1"] = np.asfortranarray(net["W1"])  # as a file may have it
    before, arrays = {name: array.copy() for name, array in net.items()}, dict(net)
    take = Step(net, _plain(0.0, 4), np.random.default_rng(0), {})
    take(_cut(np.ones((2, N_INPUTS), np.float32)), np.eye(2, N_CLASSES, dtype=np.float32), 0.1)
    for name in net:
        np.testing.assert_array_equal(net[name], before[name])
    take.write_back()
    for name in net:
        assert net[name] is arrays[name]
        assert not np.array_equal(net[name], before[name])


def _cut(X: NDArray[np.float32]) -> NDArray[np.float32]:
    return Blocks(X.shape[1]).cut(X)


def _losses_around(
    net: dict[str, Any], X: Any, targets: Any, reg: float, mask: Any
) -> Callable[[str], Any]:
    """Gradient of a parameter by central differences, in an independent float64 implementation."""
    exact = {name: array.astype(np.float64) for name, array in net.items()}

    def loss(_: Any) -> float:
        hidden = np.maximum(X @ exact["W1"] + exact["b1"], 0) * mask
        scores = hidden @ exact["W2"] + exact["b2"]
        log_shares = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        squares = sum(np.sum(exact[name] ** 2) for name in ("W1", "W2"))
        return float(-np.mean(np.sum(targets * log_shares, axis=1)) + reg * squares)

    return lambda name: (
        loss(None),
        eval_numerical_gradient(loss, exact[name], verbose=False, h=1e-6),
    )


@pytest.mark.parametrize("softness", ["labels", "smoothed", "mixed"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradients_with_soft_targets_and_dropout_are_those_of_central_differences(
    softness: str, dropout: float
) -> None:
    rng = np.random.default_rng(0)
    net = make_parameters(N_INPUTS, 7, N_CLASSES, 0.5, rng)
    before = {name: array.copy() for name, array in net.items()}
    X = rng.standard_normal((8, N_INPUTS)).astype(np.float32)
    y = rng.integers(0, N_CLASSES, 8)
    maker = TargetMaker(
        N_CLASSES,
        label_smoothing=0.0 if softness == "labels" else 0.2,
        mixup=1.0 if softness == "mixed" else 0.0,
    )
    targets = maker(X, y, rng)
    # The mask that the step will draw, drawn before it from an equal generator: in panels.
    panels = np.ones((1, 1, 8, LANES), np.float32)
    if dropout:
        Dropout(dropout, np.random.default_rng(5)).drop(panels)
        panels /= 1 - dropout
    mask = Panels(7).join(panels)
    setting = _plain(0.05, 7).model_copy(update={"dropout": dropout})
    take = Step(net, setting, np.random.default_rng(5), {})
    loss, _ = take(_cut(X), targets, 1e-2)
    take.write_back()
    around = _losses_around(before, X.astype(np.float64), targets, 0.05, mask)
    for name, array in net.items():
        expected_loss, expected = around(name)
        assert loss == pytest.approx(expected_loss, rel=1e-5)
        found = (before[name].astype(np.float64) - array) / 1e-2
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)
