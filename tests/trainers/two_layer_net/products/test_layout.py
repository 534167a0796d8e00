import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.products.layout import Blocks, NetLayout, Panels, zeros
from hpsearch.trainers.two_layer_net.products.vectors import LANES

LENGTHS = st.one_of(st.integers(1, 40), st.sampled_from([511, 512, 513, 768, 3072]))


def _rows(n: int, length: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, length)).astype(np.float32)


@given(n=st.integers(1, 5), length=LENGTHS)
def test_joining_blocks_reverses_cutting(n: int, length: int) -> None:
    rows, blocks = _rows(n, length), Blocks(length)
    cut = blocks.cut(rows)
    assert cut.shape == (blocks.count, n, blocks.size)
    np.testing.assert_array_equal(blocks.join(cut), rows, strict=True)
    assert np.count_nonzero(cut) == rows.size


@given(n=LENGTHS, length=st.integers(1, 70))
def test_joining_panels_reverses_cutting(n: int, length: int) -> None:
    rows, panels, blocks = _rows(n, length), Panels(length), Blocks(n)
    for cut in (panels.cut(rows), panels.cut(rows, blocks)):
        assert cut.shape[1::2] == (panels.count, LANES)
        np.testing.assert_array_equal(panels.join(cut)[:n], rows, strict=True)
        assert np.count_nonzero(cut) == rows.size


def test_a_panel_has_adjacent_units_and_a_block_adjacent_inputs() -> None:
    rows = np.arange(1000 * 32, dtype=np.float32).reshape(1000, 32)
    cut = Panels(32).cut(rows, Blocks(1000))
    size = Blocks(1000).size
    np.testing.assert_array_equal(cut[1, 1, 3], rows[size + 3, 16:])


@pytest.mark.parametrize(("n_inputs", "n_hidden", "n_classes"), [(6, 4, 3), (700, 33, 20)])
def test_joining_a_net_reverses_cutting(n_inputs: int, n_hidden: int, n_classes: int) -> None:
    net = make_parameters(n_inputs, n_hidden, n_classes, 0.5, np.random.default_rng(0))
    net["b1"] += 1
    net["b2"] += 2
    layout = NetLayout.of(net)
    joined = layout.join(layout.cut(net))
    assert list(joined) == list(net)
    for name, array in net.items():
        np.testing.assert_array_equal(joined[name], array, strict=True)


@given(shape=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_zeros_are_aligned_to_cache_lines(shape: list[int]) -> None:
    array = zeros(tuple(shape))
    assert array.shape == tuple(shape)
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert not array.any()
    assert array.ctypes.data % 64 == 0
