import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hpsearch.data import (
    Cut,
    Frequencies,
    InputSettings,
    PrincipalComponents,
    Split,
    find_source,
    open_split,
    prepare,
)
from hpsearch.training.augmentation import Augmentation
from hpsearch.training.batches import BatchReader
from hpsearch.training.products import Blocks, layout

NUMBERS = np.array([3, 17, 18, 200, 599])
RNG = np.random.default_rng(0)


KINDS = [
    "pixels",
    *("components", "frequencies"),
    *("whitened components", "whitened frequencies"),
    *("images to components", "images to frequencies", "images to whitened frequencies"),
    *("normalised images to components", "normalised images to frequencies"),
]


@pytest.fixture(params=KINDS)
def any_split(request: pytest.FixtureRequest, split: Split, tmp_path: Path) -> Split:
    kind = request.param
    if kind == "pixels":
        return split
    source = find_source("digits", folders=[], download_folder=tmp_path)
    sizes = {"n_train": 600, "n_validation": 150, "n_test": 100}
    prepared = prepare(
        source,
        Cut(
            **sizes,
            basis=Frequencies(20) if "frequencies" in kind else PrincipalComponents(count=20),
            is_augmentable="images" in kind,
        ),
        tmp_path,
    )
    plain = "whitened" not in kind and "normalised" not in kind
    inputs = InputSettings(
        contrast="normalised" if "normalised" in kind else "as_is",
        n_components=0 if plain else 12,
        whitening=0.0 if plain else 0.3,
    )
    return open_split(prepared).with_inputs(inputs)


def _join(inputs: NDArray[np.float32], split: Split) -> NDArray[np.float32]:
    return Blocks(split.preprocessing.n_inputs).join(inputs)


def test_a_batch_is_what_preprocessing_makes_of_its_images(any_split: Split, split: Split) -> None:
    read = BatchReader(any_split, 64)
    expected = any_split.preprocessing.apply(split.train_rows[NUMBERS])
    inputs = read(NUMBERS, RNG)
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(_join(inputs, any_split), expected, atol=1e-4)


def test_pixels_are_what_numpy_makes_of_them_to_the_bit(split: Split) -> None:
    expected = split.preprocessing.apply(split.train_rows[NUMBERS])
    inputs = BatchReader(split, 64)(NUMBERS, RNG)
    np.testing.assert_array_equal(_join(inputs, split), expected)


def test_what_a_block_has_too_many_is_0_after_batches_of_any_size(
    any_split: Split, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_ONE_BLOCK", 1)
    monkeypatch.setattr(layout, "_LARGEST_BLOCK", 7)
    blocks = Blocks(any_split.preprocessing.n_inputs)
    read = BatchReader(any_split, 64)
    for numbers in (np.arange(64), NUMBERS, np.arange(24)):
        expected = blocks.cut(any_split.preprocessing.apply(split.train_rows[numbers]))
        np.testing.assert_allclose(read(numbers, RNG), expected, atol=1e-4)


def test_one_buffer_serves_all_batches_short_ones_too(any_split: Split) -> None:
    read = BatchReader(any_split, 64)
    long, short = read(np.arange(64), RNG), read(np.arange(24), RNG)
    assert (long.shape[1], short.shape[1]) == (64, 24)
    assert np.shares_memory(long, short)


def test_batches_larger_than_the_split_are_as_large_as_it(any_split: Split) -> None:
    few = dataclasses.replace(any_split, train_rows=any_split.train_rows[:10])
    assert BatchReader(few, 1000)(np.arange(10), RNG).shape[1] == 10


def test_images_are_changed_before_they_are_projected(any_split: Split, split: Split) -> None:
    if any_split.train_rows.dtype != np.uint8:
        pytest.skip("coordinates cannot be changed as images")
    augmentation = Augmentation(mirror=0.5, max_shift=1)
    inputs = BatchReader(any_split, 64, augmentation)(NUMBERS, np.random.default_rng(3))
    images = split.train_rows.reshape(-1, *any_split.image_shape)
    changed = np.empty((len(NUMBERS), *any_split.image_shape), np.uint8)
    augmentation(images, NUMBERS, np.random.default_rng(3), changed)
    expected = any_split.preprocessing.apply(changed.reshape(len(NUMBERS), -1))
    np.testing.assert_allclose(_join(inputs, any_split), expected, atol=1e-4)
