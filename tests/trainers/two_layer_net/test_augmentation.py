"""Augmentation changes images as configured, independently of each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.augmentation import Augmentation

SHAPE = (40, 8, 7, 3)
FILLING = np.random.default_rng(1).integers(0, 256, SHAPE[1:], dtype=np.uint8)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


def _change(
    augmentation: Augmentation, images: np.ndarray, rng: np.random.Generator | None = None
) -> np.ndarray:
    out = np.empty_like(images)
    augmentation(images, np.arange(len(images)), rng or np.random.default_rng(0), out)
    return out


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    max_shift=st.integers(0, 9),
    horizontal_flip=st.sampled_from([0.0, 0.5, 1.0]),
    numbers=st.lists(st.integers(0, 4), min_size=1, max_size=8),
)
def test_each_image_is_shifted_with_a_reflected_border_then_flipped(
    seed: int, max_shift: int, horizontal_flip: float, numbers: list[int]
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (5, 8, 7, 2), dtype=np.uint8)
    found = np.empty((len(numbers), 8, 7, 2), np.uint8)
    Augmentation(horizontal_flip=horizontal_flip, max_shift=max_shift)(
        images, np.array(numbers), np.random.default_rng(seed), found
    )
    rng = np.random.default_rng(seed)
    down, right = np.zeros((2, len(numbers)), int)
    if max_shift:
        down, right = rng.integers(-max_shift, max_shift + 1, (2, len(numbers)))
    is_mirrored = rng.random(len(numbers)) < horizontal_flip
    for image, d, r, m, new in zip(images[numbers], down, right, is_mirrored, found, strict=True):
        rows = np.pad(np.arange(8), max_shift, "reflect")[max_shift - d : max_shift - d + 8]
        columns = np.pad(np.arange(7), max_shift, "reflect")[max_shift - r : max_shift - r + 7]
        np.testing.assert_array_equal(new, image[rows][:, columns[::-1] if m else columns])


def test_images_of_one_pixel_can_be_shifted() -> None:
    line = np.arange(6, dtype=np.uint8).reshape(1, 1, 6, 1)
    changed = _change(Augmentation(max_shift=2), np.repeat(line, 50, axis=0))
    assert changed.max() <= 5
    assert len(np.unique(changed.reshape(50, -1), axis=0)) == 5


def test_images_are_flipped_with_the_probability_and_others_are_unchanged(
    images: np.ndarray,
) -> None:
    changed = _change(Augmentation(horizontal_flip=0.5), images)
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in zip(changed, images, strict=True)]
    same = [np.array_equal(new, old) for new, old in zip(changed, images, strict=True)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 10 <= sum(mirrored) <= 30


def test_cutout_replaces_one_square_of_each_image(images: np.ndarray) -> None:
    changed = _change(Augmentation(cutout=3, filling=FILLING), images)
    for new, old in zip(changed, images, strict=True):
        rows, columns = np.nonzero(np.any(new != old, axis=2))
        assert np.all(new[rows, columns] == FILLING[rows, columns])
        assert 1 <= np.ptp(rows) + 1 <= 3
        assert 1 <= np.ptp(columns) + 1 <= 3


def test_cutout_may_cross_the_border_and_covers_every_pixel_equally_often() -> None:
    n = 20_000
    blank = np.zeros((n, 6, 6, 1), np.uint8)
    white = np.full((6, 6, 1), 255, np.uint8)
    covered = _change(Augmentation(cutout=3, filling=white), blank) == 255
    share = covered.mean(axis=(0, 3))
    assert share[2, 2] == pytest.approx(9 / 36, abs=0.02)
    assert share[0, 0] == pytest.approx(4 / 36, abs=0.02)


def test_the_original_images_are_not_changed(images: np.ndarray) -> None:
    before = images.copy()
    _change(Augmentation(horizontal_flip=0.5, max_shift=2, cutout=3, filling=FILLING), images)
    np.testing.assert_array_equal(images, before)


def test_all_shifts_occur(images: np.ndarray) -> None:
    one = np.repeat(images[:1], 2000, axis=0)
    shifted = _change(Augmentation(max_shift=2), one)
    assert len(np.unique(shifted.reshape(2000, -1), axis=0)) == 25
