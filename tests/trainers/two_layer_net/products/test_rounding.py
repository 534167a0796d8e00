"""Rounding of panels to integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.products.integer_tiles import BYTES, PLANES
from hpsearch.trainers.two_layer_net.products.layout import Blocks, Panels
from hpsearch.trainers.two_layer_net.products.rounding import Rounded

Float32 = NDArray[np.float32]

ROWS = st.one_of(st.integers(1, 40), st.sampled_from([513, 601]))


def _round(rows: Float32, factors: Float32) -> tuple[Rounded, NDArray[np.int64]]:
    """Round `rows`, shape (N, H); return the panels, and their integers, shape (N, H)."""
    blocks, panels = Blocks(len(rows)), Panels(rows.shape[1])
    rounded = Rounded.allocate(panels.count, blocks.count, blocks.size)
    of_words = np.zeros((blocks.count, rounded.words.shape[3] * BYTES), np.uint8)
    whole = factors.round()
    of_words[:, : blocks.size] = blocks.cut(whole[np.newaxis])[:, 0]
    rests = blocks.cut((factors - whole)[np.newaxis])[:, 0]
    rounded.take(panels.cut(rows, blocks), of_words.view(np.int32), rests)
    planes = rounded.words.view(np.int8).astype(np.int64).reshape(*rounded.words.shape, BYTES)
    numbers = np.tensordot(256 ** np.arange(PLANES), planes, axes=(0, 1))
    by_row = numbers.transpose(1, 2, 4, 0, 3).reshape(blocks.count, -1, panels.count * 16)
    return rounded, by_row[:, : blocks.size].reshape(-1, by_row.shape[2])


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), n=ROWS, n_units=st.integers(1, 40), size=st.integers(-130, 110))
def test_a_number_is_its_integer_times_its_units_scale(
    seed: int, n: int, n_units: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = np.ldexp(rng.standard_normal((n, n_units)), size).astype(np.float32)
    factors = rng.uniform(0, 255, n).astype(np.float32)
    rounded, numbers = _round(rows, factors)
    assert not ((rounded.scales > 0) & (rounded.scales < np.finfo(np.float32).tiny)).any()
    scales = rounded.scales.reshape(-1)[:n_units].astype(np.float64)
    found = numbers[:n, :n_units] * scales
    largest = np.abs(rows).max(axis=0).astype(np.float64)
    assert (np.abs(found - rows) <= largest * 2.0**-22 + 1e-30).all()
    assert not numbers[n:].any()
    assert not numbers[:, n_units:].any()
    sums = rounded.sums.reshape(-1)[:n_units]
    allowed = 1e-6 * np.abs(found).T @ factors
    assert (np.abs(sums - found.T @ factors.astype(np.float64)) <= allowed).all()


def test_a_units_scale_is_its_own() -> None:
    rows = np.ones((5, 20), np.float32)
    rows[:, 3], rows[:, 4], rows[2, 5] = 1e-20, 0, -1e20
    rounded, numbers = _round(rows, np.ones(5, np.float32))
    scales = rounded.scales.reshape(-1)
    assert len(set(numbers[:5, [0, 3]].ravel())) == 1
    assert scales[4] == 0
    assert not numbers[:, 4].any()
    assert numbers[2, 5] == -numbers[0, 0]
    np.testing.assert_array_equal(np.delete(numbers[:5, 5], 2), 0)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_make_their_units_scale_not_finite(strange: float) -> None:
    rows = np.ones((5, 20), np.float32)
    rows[2, 7] = strange
    rounded, _ = _round(rows, np.ones(5, np.float32))
    np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(rounded.scales)), [7])


def test_a_slice_of_panels_shares_memory() -> None:
    rounded = Rounded.allocate(3, 1, 8)
    rounded[1:2].take(
        np.ones((1, 1, 8, 16), np.float32), np.zeros((1, 4), np.int32), np.zeros((1, 8), np.float32)
    )
    assert rounded.words[1].any()
    assert not rounded.words[[0, 2]].any()
