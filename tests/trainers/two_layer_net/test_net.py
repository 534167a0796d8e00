from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.gradcheck import eval_numerical_gradient
from hpsearch.trainers.two_layer_net.net import (
    TwoLayerNet,
    loss_and_gradients,
    make_parameters,
    softmax_loss,
)

sizes = st.integers(1, 6)


@given(n=sizes, d=sizes, h=sizes, c=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_gradients_agree_with_central_differences(
    n: int, d: int, h: int, c: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    params = make_parameters(d, h, c, 0.5, rng, np.float64)
    params["b1"] += 0.1  # away from the kink of ReLU, where no derivative exists
    X, y = rng.standard_normal((n, d)), rng.integers(c, size=n)
    hidden = X @ params["W1"] + params["b1"]
    if np.abs(hidden).min() < 1e-3:
        return
    _, gradients = loss_and_gradients(params, X, y, reg=0.1)
    for name, gradient in gradients.items():
        numerical = eval_numerical_gradient(
            lambda _: loss_and_gradients(params, X, y, reg=0.1)[0], params[name], verbose=False
        )
        assert np.allclose(gradient, numerical, rtol=1e-5, atol=1e-8)


@given(n=sizes, c=st.integers(2, 6), shift=st.floats(-1e4, 1e4), seed=st.integers(0, 99))
def test_softmax_ignores_a_shift_and_its_gradient_sums_to_zero(
    n: int, c: int, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores, y = rng.standard_normal((n, c)), rng.integers(c, size=n)
    loss, dscores = softmax_loss(scores, y)
    shifted_loss, _ = softmax_loss(scores + shift, y)
    assert shifted_loss == pytest.approx(loss, abs=1e-8)
    assert np.allclose(dscores.sum(axis=1), 0)


def test_a_uniform_guess_costs_the_logarithm_of_the_classes() -> None:
    loss, _ = softmax_loss(np.zeros((4, 10)), np.arange(4))
    assert loss == pytest.approx(np.log(10))


def test_scores_and_labels_must_agree_in_number() -> None:
    with pytest.raises(ValueError, match="expected 3 labels, one per row of scores, got 2"):
        softmax_loss(np.zeros((3, 10)), np.zeros(2, int))


def test_parameters_come_in_the_dtype_asked_for() -> None:
    params = make_parameters(4, 3, 2, 0.1, np.random.default_rng(0))
    assert {array.dtype for array in params.values()} == {np.dtype(np.float32)}
    assert [params[name].shape for name in ("W1", "b1", "W2", "b2")] == [(4, 3), (3,), (3, 2), (2,)]


def test_training_that_diverges_stops_and_says_so() -> None:
    np.random.seed(0)  # noqa: NPY002
    net = TwoLayerNet(4, 10, 3, std=1e-1)
    X, y = 10 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])  # noqa: NPY002
    with pytest.warns(RuntimeWarning, match="training diverged: .* learning rate") as caught:
        stats = net.train(X, y, X, y, learning_rate=1e6, num_iters=1000)
    assert len(caught) == 1
    assert len(stats["loss_history"]) == stats["diverged_at"] + 1 < 1000


def test_training_prints_its_loss_when_asked(capsys: Any) -> None:
    np.random.seed(0)  # noqa: NPY002
    net = TwoLayerNet(4, 10, 3)
    X, y = np.ones((5, 4)), np.zeros(5, int)
    stats = net.train(X, y, X, y, num_iters=101, verbose=True)
    assert capsys.readouterr().out.splitlines()[1].startswith("iteration 100 / 101: loss ")
    assert stats["val_acc_history"][-1] == 1.0
    assert stats["diverged_at"] is None
