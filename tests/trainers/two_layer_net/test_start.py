from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import Splits
from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.net import compute_scores, make_parameters
from hpsearch.trainers.two_layer_net.split import Split
from hpsearch.trainers.two_layer_net.start import make_net

Make = Callable[..., Hyperparameters]


def test_initial_weights_are_the_assignments_by_default(split: Split, setting: Make) -> None:
    net = make_net(split, setting(), np.random.default_rng(0))
    expected: Any = make_parameters(64, 12, 10, 0.01, np.random.default_rng(0))
    for name, array in expected.items():
        np.testing.assert_array_equal(net[name], array)


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_with_a_gain_scores_start_at_its_square_whatever_the_inputs(
    gain: float, split: Split, splits: Splits, setting: Make
) -> None:
    net = make_net(split, setting(initial_gain=gain, hidden_size=2000), np.random.default_rng(0))
    scores = compute_scores(net, split.preprocessing.apply(splits.validation))
    assert np.sqrt(np.mean(np.square(scores))) == pytest.approx(gain**2, rel=0.4)
