import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_share_of_the_rate_is_dropped_and_the_scale_preserves_the_mean(rate: float) -> None:
    dropout = Dropout(rate, np.random.default_rng(0))
    values = np.ones((1000, 1000), np.float32)
    dropout.drop(values)
    assert set(np.unique(values)) == {0, 1}
    share = round(256 * rate) / 256
    assert np.mean(values == 0) == pytest.approx(share, abs=0.002)  # four standard deviations
    assert np.mean(values) * dropout.scale == pytest.approx(1, abs=0.02)


def test_each_call_drops_other_units() -> None:
    dropout = Dropout(0.5, np.random.default_rng(0))
    first, second = np.ones((2, 100), np.float32)
    dropout.drop(first)
    dropout.drop(second)
    assert not np.array_equal(first, second)


def test_rate_0_drops_nothing_and_no_rate_drops_everything() -> None:
    assert not Dropout(0.0, np.random.default_rng(0)).is_on
    assert np.isfinite(Dropout(0.9999, np.random.default_rng(0)).scale)
