"""Workers map the splits, and are told in one line if a file is not what it should be."""

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hpsearch.data import PrincipalComponents, open_split, prepare
from hpsearch.errors import DamagedDataError


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
    prepared = prepare(source, **sizes, folder=tmp_path, basis=PrincipalComponents(count=5))
    split = open_split(prepared)
    images = source.dataset.train_images[:8].reshape(8, 12)
    np.testing.assert_allclose(split.train_rows, split.preprocessing.apply(images), atol=1e-3)
    assert split.train_rows.dtype == np.float32
    assert split.preprocessing.n_inputs == 5
    assert isinstance(split.train_rows.base, np.memmap)
    assert split.validation_images.dtype == np.uint8
    with pytest.raises(DamagedDataError, match=r"components.npy: holds float32 \(12, 5\), exp"):
        open_split(dataclasses.replace(prepared, n_components=4))


def test_opening_leaves_the_test_file_closed(prepared):
    (prepared.folder / "test.npz").unlink()
    open_split(prepared)


def test_missing_file_is_damage_and_the_cure_is_named(prepared):
    (prepared.folder / "train_labels.npy").unlink()
    with pytest.raises(DamagedDataError, match=r"train_labels.npy.*delete the folder"):
        open_split(prepared)


def test_array_of_another_shape_is_refused(prepared):
    with pytest.raises(DamagedDataError, match=r"train_images.npy: holds uint8 \(8, 12\), exp"):
        open_split(dataclasses.replace(prepared, n_train=9))


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
