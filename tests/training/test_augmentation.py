"""Images are changed as asked, each in its own way, and no other pixels come in than their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.training.augmentation import Augmentation, shift_images

SHAPE = (40, 8, 7, 3)
FILLING = np.random.default_rng(1).integers(0, 256, SHAPE[1:], dtype=np.uint8)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), border=st.integers(0, 6))
def test_each_image_is_shifted_by_its_own_way_and_its_border_reflected(
    seed: int, border: int
) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (5, 8, 7, 2), dtype=np.uint8)
    down, right = rng.integers(-border, border + 1, (2, 5))
    shifted = shift_images(images, down, right)
    for image, d, r, found in zip(images, down, right, shifted, strict=True):
        rows = np.pad(np.arange(8), border, "reflect")[border - d : border - d + 8]
        columns = np.pad(np.arange(7), border, "reflect")[border - r : border - r + 7]
        np.testing.assert_array_equal(found, image[rows][:, columns])


def test_about_so_many_are_mirrored_and_no_other_is_touched(images: np.ndarray) -> None:
    changed = Augmentation(mirror=0.5)(images, np.random.default_rng(0))
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in zip(changed, images, strict=True)]
    same = [np.array_equal(new, old) for new, old in zip(changed, images, strict=True)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 10 <= sum(mirrored) <= 30


def test_cutout_replaces_one_square_of_each_image(images: np.ndarray) -> None:
    changed = Augmentation(cutout=3, filling=FILLING)(images, np.random.default_rng(0))
    for new, old in zip(changed, images, strict=True):
        rows, columns = np.nonzero(np.any(new != old, axis=2))
        assert np.all(new[rows, columns] == FILLING[rows, columns])
        assert 1 <= np.ptp(rows) + 1 <= 3
        assert 1 <= np.ptp(columns) + 1 <= 3


def test_squares_may_stick_out_and_cover_every_pixel_as_often_as_another() -> None:
    n = 20_000
    blank = np.zeros((n, 6, 6, 1), np.uint8)
    white = np.full((6, 6, 1), 255, np.uint8)
    covered = Augmentation(cutout=3, filling=white)(blank, np.random.default_rng(0)) == 255
    share = covered.mean(axis=(0, 3))
    assert share[2, 2] == pytest.approx(9 / 36, abs=0.02)
    assert share[0, 0] == pytest.approx(4 / 36, abs=0.02)


def test_the_images_themselves_stay_as_they_are(images: np.ndarray) -> None:
    before = images.copy()
    Augmentation(mirror=0.5, max_shift=2, cutout=3, filling=FILLING)(
        images, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(images, before)


def test_all_shifts_occur(images: np.ndarray) -> None:
    one = np.repeat(images[:1], 2000, axis=0)
    shifted = Augmentation(max_shift=2)(one, np.random.default_rng(0))
    assert len(np.unique(shifted.reshape(2000, -1), axis=0)) == 25
