"""States are compared bit for bit, and the first difference is named by its path."""

import numpy as np
import pytest

from hpsearch.trainers.conformance.state_comparison import find_difference

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def _changed(index, value):
    changed = W.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    "value",
    [
        {"W": W, "n": 3, "name": "adam", "betas": (0.9, float("nan")), "rate": np.float32(0.1)},
        np.array([np.nan, -0.0]),
        np.zeros((0, 3)),
        [],
    ],
)
def test_equal_values_have_no_difference(value):
    assert find_difference(value, value) is None


def test_the_order_of_keys_and_of_memory_does_not_matter():
    one, other = {"W": W, "n": 1}, {"n": 1, "W": np.asfortranarray(W)}
    assert find_difference(one, other) is None


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ({"W": W}, {"W": _changed((1, 2), 5.5)}, "W[1, 2]: 5.0 and 5.5"),
        ({"net": {"W": W}}, {"net": {"W": W.astype("f8")}}, "net.W: float32 of shape (2, 3) and"),
        ({"W": W}, {"W": W[:1]}, "W: float32 of shape (2, 3) and float32 of shape (1, 3)"),
        ({"W": W}, {"W": _changed((0, 0), -0.0)}, "W[0, 0]: 0.0 and -0.0"),
        ({"layers": [{}, {"b": 1}]}, {"layers": [{}, {"b": 2}]}, "layers.1.b: 1 and 2"),
        ({"layers": (1, 2)}, {"layers": (1,)}, "layers: 2 and 1 items"),
        ({"rate": 0.1}, {"rate": np.nextafter(0.1, 1).item()}, "rate: 0.1 and 0.10000000000000002"),
        ({"n": 1}, {"n": 1.0}, "n: int and float"),
        ({"n": 0.0}, {"n": -0.0}, "n: 0.0 and -0.0"),
        ({"a": 1, "b": 2}, {"a": 1}, "b: only in the first"),
        ({"a": 1}, {"a": 1, "b": 2}, "b: only in the second"),
        (np.float64(0.5), np.float64(0.25), ": 0.5 and 0.25"),
    ],
)
def test_the_first_difference_is_named(one, other, difference):
    assert find_difference(one, other).startswith(difference)
