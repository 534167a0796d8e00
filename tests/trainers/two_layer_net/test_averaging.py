import numpy as np
import pytest

from hpsearch.trainers.two_layer_net import averaged
from hpsearch.trainers.two_layer_net.averaging import take_into_average


def _follow(values: list[float], n_epochs: int) -> float:
    memory: dict[str, np.ndarray] = {}
    net: dict[str, np.ndarray] = {}
    for number, value in enumerate(values, start=1):
        net = {"b1": np.array([value], np.float32)}
        take_into_average(net, memory, n_epochs, number)
    return float(averaged(net, memory)["b1"][0])


def test_the_average_of_the_first_epochs_is_their_mean() -> None:
    assert _follow([1.0, 2.0, 6.0], 3) == pytest.approx(3.0)


def test_later_the_average_is_exponential() -> None:
    assert _follow([1.0, 2.0, 6.0, 9.0], 3) == pytest.approx(3.0 + (9.0 - 3.0) / 3)


def test_without_an_average_the_net_itself_is_used() -> None:
    net = {"b1": np.ones(2, np.float32)}
    assert averaged(net, {})["b1"] is net["b1"]


def test_the_average_of_zeros_becomes_0_and_never_subnormal() -> None:
    values = [1.0, *[0.0] * 200]
    found = [_follow(values[:n], 3) for n in range(1, len(values))]
    assert all(value == 0 or value >= np.finfo(np.float32).tiny for value in found)
    assert found[20] > 0
    assert found[-1] == 0
