"""Products in blocks and panels, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hpsearch.foundations.hashing import hash_arrays
from hpsearch.trainers.two_layer_net.products.layout import Blocks, Panels
from hpsearch.trainers.two_layer_net.products.multiplication import multiply, multiply_transposed
from hpsearch.trainers.two_layer_net.products.tiles import TALL
from hpsearch.trainers.two_layer_net.products.vectors import LANES
from tests.trainers.two_layer_net.ordered import multiply_in_order, print_without_avx512

Float32 = NDArray[np.float32]

# All remainders of rows and panels, and inputs in one block and in several.
ROWS = st.integers(1, 2 * TALL + 1)
INPUTS = st.one_of(st.integers(1, 40), st.sampled_from([513, 600]))
UNITS = st.integers(1, 3 * LANES + 1)
SIZES = {"n": ROWS, "n_inputs": INPUTS, "n_units": UNITS}


def _make(n: int, n_inputs: int, n_units: int) -> tuple[Float32, Float32, Float32, Float32]:
    rng = np.random.default_rng(0)
    shapes = (n, n_inputs), (n_inputs, n_units), (1, n_units), (n, n_units)
    X, W, b, dhidden = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return X, W, b, dhidden


def _forward(X: Float32, W: Float32, b: Float32) -> Float32:
    blocks, panels = Blocks(X.shape[1]), Panels(W.shape[1])
    out = np.full((panels.count, len(X), LANES), np.nan, np.float32)
    multiply(blocks.cut(X), panels.cut(W, blocks), panels.cut(b)[0], out)
    return panels.join(out[np.newaxis])


def _backward(X: Float32, dhidden: Float32) -> Float32:
    blocks, panels = Blocks(X.shape[1]), Panels(dhidden.shape[1])
    shape = (blocks.count, panels.count, blocks.size, LANES)
    out = np.full(shape, np.nan, np.float32)
    multiply_transposed(blocks.cut(X), panels.cut(dhidden)[0], out)
    return panels.join(out)[: X.shape[1]]


@settings(deadline=None)
@given(**SIZES)
def test_rows_by_weights_and_biases_have_the_bits_of_sums_in_order(
    n: int, n_inputs: int, n_units: int
) -> None:
    X, W, b, _ = _make(n, n_inputs, n_units)
    np.testing.assert_array_equal(_forward(X, W, b), multiply_in_order(X, W, b), strict=True)


@settings(deadline=None)
@given(**SIZES)
def test_inputs_by_gradients_have_the_bits_of_sums_in_order(
    n: int, n_inputs: int, n_units: int
) -> None:
    X, _, _, dhidden = _make(n, n_inputs, n_units)
    expected = multiply_in_order(X.T, dhidden)
    np.testing.assert_array_equal(_backward(X, dhidden), expected, strict=True)


def test_nan_affects_only_its_row_and_unit() -> None:
    X, W, b, _ = _make(14, 20, 40)
    X[3, 4] = np.nan
    found = np.isnan(_forward(X, W, b))
    assert found[3].all()
    assert not np.delete(found, 3, axis=0).any()


MISFITS = {
    (name, change)
    for name in ("inputs", "weights", "biases", "hidden")
    for change in ("first axis", "middle axis", "lanes", "gaps")
} - {("inputs", "gaps")}  # which are read one by one, from wherever they lie


@pytest.mark.parametrize(("name", "change"), sorted(MISFITS))
def test_arrays_that_do_not_fit_together_are_refused(name: str, change: str) -> None:
    """Tiles do not check bounds: they would read and write outside of an array."""
    arrays = {
        "inputs": np.ones((2, 5, 7), np.float32),
        "weights": np.ones((2, 3, 7, LANES), np.float32),
        "biases": np.ones((3, 1, LANES), np.float32),
        "hidden": np.ones((3, 5, LANES), np.float32),
    }
    array = arrays[name]
    arrays[name] = {
        "first axis": array[1:],
        "middle axis": np.repeat(array, 2, axis=-2),
        "lanes": array[..., 1:],
        "gaps": np.repeat(array, 2, axis=-1)[..., ::2],
    }[change]
    with pytest.raises(ValueError, match="do not fit together"):
        multiply(*arrays.values())
    if name != "biases":
        with pytest.raises(ValueError, match="do not fit together"):
            multiply_transposed(arrays["inputs"], arrays["hidden"], arrays["weights"])


_HASH = """
import numpy as np
from tests.trainers.two_layer_net.products.test_multiplication import _backward, _forward, _make
from hpsearch.foundations.hashing import hash_arrays
X, W, b, dhidden = _make(50, 600, 70)
print(hash_arrays({"forward": _forward(X, W, b), "backward": _backward(X, dhidden)}))
"""


@pytest.mark.slow
def test_a_processor_with_shorter_registers_finds_the_same_bits(tmp_path) -> None:
    X, W, b, dhidden = _make(50, 600, 70)
    here = hash_arrays({"forward": _forward(X, W, b), "backward": _backward(X, dhidden)})
    assert print_without_avx512(_HASH, tmp_path) == here
