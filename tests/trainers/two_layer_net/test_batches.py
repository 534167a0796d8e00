import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net import Hyperparameters, batches
from hpsearch.trainers.two_layer_net.augmentation import Augmentation
from hpsearch.trainers.two_layer_net.basis import Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.batches import BatchReader, PixelReader, make_reader
from hpsearch.trainers.two_layer_net.preprocessing import InputSettings
from hpsearch.trainers.two_layer_net.products import MOST_BYTES, Blocks, PackedPixels, layout
from hpsearch.trainers.two_layer_net.split import Split
from tests.trainers.two_layer_net.conftest import Derive

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
def any_split(request: pytest.FixtureRequest, split: Split, derive: Derive) -> Split:
    kind = request.param
    if kind == "pixels":
        return split
    basis = Frequencies(20) if "frequencies" in kind else PrincipalComponents(count=20)
    derived = derive(basis, is_augmentable="images" in kind)
    plain = "whitened" not in kind and "normalised" not in kind
    inputs = InputSettings(
        contrast="per_image" if "normalised" in kind else "none",
        n_components=0 if plain else 12,
        whitening=0.0 if plain else 0.3,
    )
    return derived.with_inputs(inputs)


def _join(inputs: NDArray[np.float32], split: Split) -> NDArray[np.float32]:
    return Blocks(split.preprocessing.n_inputs).join(inputs)


def test_a_batch_is_what_preprocessing_makes_of_its_images(any_split: Split, split: Split) -> None:
    read = BatchReader(any_split, 64)
    expected = any_split.preprocessing.apply(split.train_rows[NUMBERS])
    inputs = read(NUMBERS, RNG)
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(_join(inputs, any_split), expected, atol=1e-4)


def test_centred_pixels_equal_numpys_to_the_bit(split: Split) -> None:
    expected = split.preprocessing.apply(split.train_rows[NUMBERS])
    inputs = BatchReader(split, 64)(NUMBERS, RNG)
    np.testing.assert_array_equal(_join(inputs, split), expected)


def test_padding_of_blocks_is_0_after_batches_of_any_size(
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


def test_images_are_augmented_before_they_are_projected(any_split: Split, split: Split) -> None:
    if any_split.train_rows.dtype != np.uint8:
        pytest.skip("coordinates cannot be changed as images")
    augmentation = Augmentation(horizontal_flip=0.5, max_shift=1)
    inputs = BatchReader(any_split, 64, augmentation)(NUMBERS, np.random.default_rng(3))
    images = split.train_rows.reshape(-1, *any_split.image_shape)
    changed = np.empty((len(NUMBERS), *any_split.image_shape), np.uint8)
    augmentation(images, NUMBERS, np.random.default_rng(3), changed)
    expected = any_split.preprocessing.apply(changed.reshape(len(NUMBERS), -1))
    np.testing.assert_allclose(_join(inputs, any_split), expected, atol=1e-4)


def _pack(rows: NDArray[np.uint8], split: Split) -> PackedPixels:
    pixels = PackedPixels.allocate(len(rows), split.preprocessing.mean_image)
    pixels.take(rows, np.arange(len(rows)))
    return pixels


def test_pixels_are_packed_with_and_without_augmentation_in_any_batch_size(split: Split) -> None:
    augmentation = Augmentation(horizontal_flip=0.5, max_shift=1)
    plain, changing = PixelReader(split, 64), PixelReader(split, 64, augmentation)
    images = split.train_rows.reshape(-1, *split.image_shape)
    for numbers in (np.arange(64), NUMBERS, np.arange(24)):
        changed = np.empty((len(numbers), *split.image_shape), np.uint8)
        augmentation(images, numbers, np.random.default_rng(3), changed)
        for found, rows in (
            (plain(numbers, RNG), split.train_rows[numbers]),
            (changing(numbers, np.random.default_rng(3)), changed.reshape(len(numbers), -1)),
        ):
            expected = _pack(rows, split)
            assert found.n == len(numbers)
            np.testing.assert_array_equal(found.by_image, expected.by_image)
            np.testing.assert_array_equal(found.by_pixel, expected.by_pixel)


def _setting(**changes: object) -> Hyperparameters:
    base = Hyperparameters(
        learning_rate=0.1,
        learning_rate_decay=0.95,
        reg=0.0,
        hidden_size=8,
        epochs=1,
        batch_size=64,
        initial_std=0.1,
    )
    return base.model_copy(update=changes)


@pytest.mark.parametrize("can", [True, False])
def test_only_pixels_less_their_mean_are_packed(
    any_split: Split, can: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_WORTH_PACKING", 64)
    monkeypatch.setattr(batches, "CAN_MULTIPLY_BYTES", can)
    preprocessing = any_split.preprocessing
    is_plain = preprocessing.components is None and preprocessing.contrast_floor is None
    expected = PixelReader if can and is_plain else BatchReader
    assert type(make_reader(any_split, _setting())) is expected


@pytest.mark.parametrize(
    "changes",
    [{"mixup_alpha": 0.2}, {"input_dropout": 0.1}, {"batch_size": MOST_BYTES + 1}],
    ids=lambda changes: next(iter(changes)),
)
def test_inputs_that_are_not_bytes_or_would_overflow_are_not_packed(
    split: Split, changes: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CAN_MULTIPLY_BYTES", True)
    monkeypatch.setattr(batches, "_WORTH_PACKING", 64)
    assert isinstance(make_reader(split, _setting()), PixelReader)
    assert isinstance(make_reader(split, _setting(**changes)), BatchReader)


def test_small_images_are_not_packed(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CAN_MULTIPLY_BYTES", True)
    assert isinstance(make_reader(split, _setting()), BatchReader)


def test_more_pixels_than_a_sum_can_hold_are_not_packed(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CAN_MULTIPLY_BYTES", True)
    monkeypatch.setattr(batches, "_WORTH_PACKING", 64)
    monkeypatch.setattr(batches, "MOST_BYTES", 64)
    assert isinstance(make_reader(split, _setting(batch_size=8)), PixelReader)
    monkeypatch.setattr(batches, "MOST_BYTES", 63)
    assert isinstance(make_reader(split, _setting(batch_size=8)), BatchReader)
