"""Workers map the splits, and are told in one line if a file is not what it should be."""

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from hpsearch.data import InputSettings, PrincipalComponents, SplitSpec, open_split, prepare
from hpsearch.errors import DamagedDataError
from hpsearch.hashing import hash_arrays


def test_split_has_the_arrays_that_training_takes(prepared, source):
    split = open_split(prepared)
    dataset = source.dataset
    np.testing.assert_array_equal(split.train_rows, dataset.train_images[:8].reshape(8, 12))
    np.testing.assert_array_equal(split.train_labels, dataset.train_labels[:8])
    np.testing.assert_array_equal(
        split.validation_images, dataset.train_images[8:11].reshape(3, 12)
    )
    np.testing.assert_array_equal(split.validation_labels, dataset.train_labels[8:11])
    assert split.train_rows.dtype == np.uint8
    assert split.train_labels.dtype == np.int64
    assert split.preprocessing.mean_image.dtype == np.float32
    assert split.preprocessing.components is None
    assert split.n_classes == 3


def test_images_are_mapped_not_copied_and_cannot_be_written(prepared):
    split = open_split(prepared)
    assert isinstance(split.train_rows.base, np.memmap)
    assert isinstance(split.validation_images.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        split.train_rows[0] = 0


def test_mean_image_is_the_float64_mean_rounded_once(prepared, source):
    mean_image = source.dataset.train_images[:8].reshape(8, 12).mean(axis=0)
    np.testing.assert_array_equal(
        open_split(prepared).preprocessing.mean_image, mean_image.astype(np.float32)
    )


def test_in_a_basis_training_rows_are_what_preprocessing_makes_of_the_images(source, tmp_path):
    sizes = {"n_train": 8, "n_validation": 3, "n_test": None}
    prepared = prepare(source, SplitSpec(**sizes, basis=PrincipalComponents(count=5)), tmp_path)
    split = open_split(prepared)
    images = source.dataset.train_images[:8].reshape(8, 12)
    np.testing.assert_allclose(split.train_rows, split.preprocessing.apply(images), atol=1e-3)
    assert split.train_rows.dtype == np.float32
    assert split.preprocessing.n_inputs == 5
    assert isinstance(split.train_rows.base, np.memmap)
    assert split.validation_images.dtype == np.uint8
    np.testing.assert_array_equal(
        split.validation_inputs, split.preprocessing.apply(split.validation_images)
    )
    assert isinstance(split.validation_inputs.base, np.memmap)
    with pytest.raises(DamagedDataError, match=r"components.npy: holds float32 \(12, 5\), exp"):
        open_split(dataclasses.replace(prepared, n_components=4))


@pytest.fixture(params=["as coordinates", "as images"])
def based(request, source, tmp_path):
    """On five components, with the training images as rows of either kind."""
    sizes = {"n_train": 8, "n_validation": 3, "n_test": None}
    return open_split(
        prepare(
            source,
            SplitSpec(
                **sizes,
                basis=PrincipalComponents(count=5),
                is_augmentable=request.param == "as images",
            ),
            tmp_path,
        )
    )


def test_variances_of_whitened_components_follow_the_power(based, source):
    """Power 1/2 leaves all alike; the ridge keeps down what is nearly nothing."""
    images = source.dataset.train_images[:8].reshape(8, 12)
    plain = based.preprocessing.apply(images)
    for power in (0.0, 0.25, 0.5):
        settings = InputSettings(n_components=3, whitening=power, ridge=0.01)
        inputs = based.with_inputs(settings).preprocessing.apply(images)
        per_pixel = np.var(images - images.mean(axis=0), axis=0).mean()
        expected = plain[:, :3] / (np.var(plain[:, :3], axis=0) / per_pixel + 0.01) ** power
        np.testing.assert_allclose(inputs, expected, rtol=1e-3, atol=1e-2)


def test_scaled_pixels_have_the_standard_deviation_one_on_average(based, source):
    images = source.dataset.train_images[:8].reshape(8, 12)
    plain = based.preprocessing.apply(images)
    scaled = based.with_inputs(InputSettings(contrast="global")).preprocessing.apply(images)
    std = np.sqrt(np.mean(np.var(images, axis=0)))
    np.testing.assert_allclose(scaled, plain / std, rtol=1e-4, atol=1e-5)


def test_chosen_inputs_have_the_same_bits_wherever_they_are_made(based):
    """The coordinator makes them anew for the artifact, with other threads than the worker."""
    settings = InputSettings(n_components=3, whitening=0.3)
    with threadpool_limits(2):
        one = based.with_inputs(settings).preprocessing
    with threadpool_limits(1):
        other = based.with_inputs(settings).preprocessing
    assert hash_arrays(one.arrays()) == hash_arrays(other.arrays())


def test_validation_inputs_are_made_once_and_anew_for_other_settings(based):
    assert based.validation_inputs is based.validation_inputs
    chosen = based.with_inputs(InputSettings(n_components=2))
    np.testing.assert_array_equal(
        chosen.validation_inputs, chosen.preprocessing.apply(based.validation_images)
    )


def test_without_settings_a_split_is_itself(based):
    assert based.with_inputs(InputSettings()) is based


def test_normalised_contrast_has_its_own_mean_image_and_variances(source, tmp_path):
    sizes = {"n_train": 8, "n_validation": 3, "n_test": None}
    images = source.dataset.train_images[:8].reshape(8, 12)
    normal = images - images.mean(axis=1, keepdims=True)
    normal = normal / np.sqrt(normal.var(axis=1, keepdims=True) + 10)
    for basis in (None, PrincipalComponents(count=5)):
        prepared = prepare(source, SplitSpec(**sizes, basis=basis, is_augmentable=True), tmp_path)
        split = open_split(prepared).with_inputs(InputSettings(contrast="per_image"))
        mean_image = split.preprocessing.mean_image
        np.testing.assert_allclose(mean_image, normal.mean(axis=0), atol=1e-5)
        assert split.train_rows.dtype == np.uint8
        inputs = split.preprocessing.apply(images)
        expected = normal - normal.mean(axis=0)
        if basis:
            expected = expected @ split.preprocessing.components
            per_pixel = np.var(normal, axis=0).mean()
            np.testing.assert_allclose(
                split.normalised.variances, np.mean(expected**2, axis=0) / per_pixel, rtol=1e-3
            )
        np.testing.assert_allclose(inputs, expected, atol=1e-4)


def test_contrast_that_was_not_prepared_for_is_refused(prepared):
    with pytest.raises(DamagedDataError, match="not prepared for normalised contrast"):
        open_split(prepared).with_inputs(InputSettings(contrast="per_image"))


def test_opening_leaves_the_test_file_closed(prepared):
    (prepared.folder / "test.npz").unlink()
    open_split(prepared)


def test_missing_file_is_damage_and_the_cure_is_named(prepared):
    (prepared.folder / "train_labels.npy").unlink()
    with pytest.raises(DamagedDataError, match=r"train_labels.npy.*delete the folder"):
        open_split(prepared)


def test_array_of_another_shape_is_refused(prepared):
    with pytest.raises(DamagedDataError, match=r"train_images.npy: holds uint8 \(8, 12\), exp"):
        open_split(dataclasses.replace(prepared, split_spec=SplitSpec(9, 3)))


def test_array_of_another_type_is_refused(prepared):
    np.save(prepared.folder / "train_images.npy", np.zeros((8, 12), np.int8))
    with pytest.raises(DamagedDataError, match=r"holds int8 \(8, 12\), expected uint8"):
        open_split(prepared)


class Payload:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickle_in_place_of_an_array_is_refused_and_not_run(prepared, tmp_path):
    (prepared.folder / "mean_image.npy").write_bytes(pickle.dumps(Payload(tmp_path / "made")))
    with pytest.raises(DamagedDataError, match=r"mean_image.npy: not an array"):
        open_split(prepared)
    assert not (tmp_path / "made").exists()


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 8 * 128 - 1))
@example(bit=65)  # in the header's own length: the array begins two bytes early
def test_flipped_bit_in_a_header_gives_an_error_or_the_right_array(
    prepared, source, flip, attempt, bit
):
    path = prepared.folder / "train_images.npy"
    content = path.read_bytes()
    path.write_bytes(flip(content, bit))
    images = attempt(lambda: np.array(open_split(prepared).train_rows))
    path.write_bytes(content)
    if not isinstance(images, DamagedDataError):
        np.testing.assert_array_equal(images, source.dataset.train_images[:8].reshape(8, 12))
