import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.locality import apply_soft_threshold, apply_windows

SHAPE = (9, 8, 3)
N_PIXELS = 9 * 8 * 3
Pair = tuple[np.ndarray, np.ndarray | None]


@pytest.fixture(params=["pixels", "components"])
def weights(request: pytest.FixtureRequest) -> Pair:
    """First weights of 300 units (more than are changed at a time), and their directions."""
    rng = np.random.default_rng(0)
    if request.param == "pixels":
        return rng.standard_normal((N_PIXELS, 300), dtype=np.float32), None
    directions, _ = np.linalg.qr(rng.standard_normal((N_PIXELS, N_PIXELS)))
    W1 = rng.standard_normal((N_PIXELS, 300), dtype=np.float32)
    return W1, directions.astype(np.float32)


def pictures_of(W1: np.ndarray, directions: np.ndarray | None) -> np.ndarray:
    return W1 if directions is None else directions @ W1


def test_windows_preserve_norms_and_make_weights_local(weights: Pair) -> None:
    W1, directions = weights
    before = np.linalg.norm(W1, axis=0)
    apply_windows(W1, directions, SHAPE, 1.5, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(W1, axis=0), before, rtol=1e-4)
    energy = np.square(pictures_of(W1, directions)).reshape(*SHAPE, -1).sum(axis=2)
    share = energy / energy.sum(axis=(0, 1))
    rows, columns = np.mgrid[:9, :8][..., None]
    middle = np.stack([(rows * share).sum(axis=(0, 1)), (columns * share).sum(axis=(0, 1))])
    distances = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    spread = np.sqrt((share * distances).sum(axis=(0, 1)))
    assert spread.max() < 2.2  # all over the image it would be about 3.5
    assert 1.5 < middle[0].std() < 3.5  # and the places are anywhere


def test_windows_narrower_than_a_pixel_leave_finite_weights(weights: Pair) -> None:
    W1, directions = weights
    before = np.linalg.norm(W1, axis=0)
    apply_windows(W1, directions, SHAPE, 1e-6, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(W1, axis=0), before, rtol=1e-4)


def test_windows_are_a_function_of_the_generator(weights: Pair) -> None:
    W1, directions = weights
    other = W1.copy()
    apply_windows(W1, directions, SHAPE, 1.5, np.random.default_rng(1))
    apply_windows(other, directions, SHAPE, 1.5, np.random.default_rng(1))
    assert np.array_equal(W1, other)


def test_soft_threshold_is_the_proximal_step(weights: Pair) -> None:
    """Against the formula sign(w) max(|w| - t, 0), with t from 256 units at a time."""
    W1, directions = weights
    before = pictures_of(W1, directions).astype(np.float64)
    apply_soft_threshold(W1, directions, 0.5)
    for units in (slice(0, 256), slice(256, 300)):
        threshold = 0.5 * np.abs(before[:, units]).mean()
        wanted = np.sign(before[:, units]) * np.maximum(np.abs(before[:, units]) - threshold, 0)
        np.testing.assert_allclose(pictures_of(W1, directions)[:, units], wanted, atol=1e-5)


@given(share=st.floats(0, 3), seed=st.integers(0, 99))
def test_soft_threshold_never_flips_a_sign_or_increases_a_weight(share: float, seed: int) -> None:
    W1 = np.random.default_rng(seed).standard_normal((N_PIXELS, 5), dtype=np.float32)
    before = W1.copy()
    apply_soft_threshold(W1, None, share)
    assert np.all(W1 * before >= 0)
    assert np.all(np.abs(W1) <= np.abs(before))


def test_a_threshold_of_0_changes_nothing() -> None:
    W1 = np.random.default_rng(0).standard_normal((N_PIXELS, 5), dtype=np.float32)
    before = W1.copy()
    apply_soft_threshold(W1, None, 0.0)
    assert np.array_equal(W1, before)
