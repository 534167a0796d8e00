"""A step against the mathematics of `hpsearch.net`, tile by tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.net import loss_and_gradients, make_parameters
from hpsearch.training import step
from hpsearch.training.step import SgdStep

N_INPUTS, N_CLASSES = 6, 3


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n_hidden=st.integers(1, 9),
    n_units=st.integers(1, 12),
    batches=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    reg=st.sampled_from([0.0, 0.01, 0.5]),
)
def test_steps_are_those_of_the_mathematics(
    seed: int, n_hidden: int, n_units: int, batches: list[int], reg: float
) -> None:
    rng = np.random.default_rng(seed)
    net = make_parameters(N_INPUTS, n_hidden, N_CLASSES, 0.5, rng)
    exact = {name: array.astype(np.float64) for name, array in net.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "_TILE_SIZE", n_units * N_INPUTS)
        take = SgdStep(net, reg, batch_size=8)
    for n in batches:
        X = rng.standard_normal((n, N_INPUTS)).astype(np.float32)
        y = rng.integers(0, N_CLASSES, n)
        loss, gradients = loss_and_gradients(exact, X.astype(np.float64), y, reg)
        scores = np.maximum(X @ exact["W1"] + exact["b1"], 0) @ exact["W2"] + exact["b2"]
        found, n_correct = take(X, y, 0.1)
        assert found == pytest.approx(loss, rel=1e-4, abs=1e-5)
        margin = np.sort(scores, axis=1)
        if np.all(margin[:, -1] - margin[:, -2] > 1e-4):
            assert n_correct == np.count_nonzero(scores.argmax(axis=1) == y)
        for name in exact:
            exact[name] -= 0.1 * gradients[name]
            np.testing.assert_allclose(net[name], exact[name], rtol=1e-3, atol=1e-4)


def test_the_net_itself_is_updated_and_a_units_weights_are_neighbours() -> None:
    net = make_parameters(N_INPUTS, 4, N_CLASSES, 0.5, np.random.default_rng(0))
    take = SgdStep(net, 0.0, batch_size=2)
    W1 = net["W1"]
    before = W1.copy()
    take(np.ones((2, N_INPUTS), np.float32), np.array([0, 1]), 0.1)
    assert net["W1"] is W1
    assert W1.flags.f_contiguous
    assert not np.array_equal(W1, before)
