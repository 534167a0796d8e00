"""Workers memory-map the splits, and get a one-line error if a file is not what it should be."""

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hpsearch.datasets import SplitSpec, open_splits, open_validation, prepare
from hpsearch.foundations.errors import DamagedDataError
from tests.datasets.conftest import CENTRED


@pytest.fixture
def centred(source, tmp_path):
    """With other training examples in place of the pixels."""
    return prepare(source, SplitSpec(n_train=8, n_validation=3), tmp_path / "centred", CENTRED)


def test_splits_have_the_arrays_that_training_takes(prepared, source):
    splits = open_splits(prepared)
    dataset = source.dataset
    np.testing.assert_array_equal(splits.train, dataset.train_images[:8].reshape(8, 12))
    np.testing.assert_array_equal(splits.train_targets, dataset.train_labels[:8])
    np.testing.assert_array_equal(splits.validation, dataset.train_images[8:11].reshape(3, 12))
    np.testing.assert_array_equal(splits.validation_targets, dataset.train_labels[8:11])
    assert splits.train.dtype == splits.validation.dtype == np.uint8
    assert splits.train_targets.dtype == splits.validation_targets.dtype == np.int64
    assert splits.derived.keys() == {"mean"}
    np.testing.assert_array_equal(splits.derived["mean"], splits.train.mean(axis=0))


def test_arrays_are_mapped_not_copied_and_cannot_be_written(prepared, centred):
    splits, replaced = open_splits(prepared), open_splits(centred)
    arrays = [splits.train, splits.validation, splits.derived["mean"], replaced.train]
    for array in arrays:
        assert isinstance(array.base, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_validation_examples_are_opened_by_themselves(prepared):
    examples, targets = open_validation(prepared)
    expected = open_splits(prepared)
    np.testing.assert_array_equal(examples, expected.validation)
    np.testing.assert_array_equal(targets, expected.validation_targets)


def test_opening_leaves_the_test_file_closed(prepared):
    (prepared.folder / "test.npz").unlink()
    open_splits(prepared)


@pytest.mark.parametrize("name", ["train_targets.npy", "derived_mean.npy"])
def test_missing_file_is_damage_and_the_cure_is_named(prepared, name):
    (prepared.folder / name).unlink()
    with pytest.raises(DamagedDataError, match=rf"{name}.*delete the folder"):
        open_splits(prepared)


def test_missing_examples_are_damage_whatever_they_are(prepared, centred):
    (prepared.folder / "train_examples.npy").unlink()
    with pytest.raises(DamagedDataError, match=r"train_examples.npy.*delete the folder"):
        open_splits(prepared)
    (centred.folder / "derived_X.npy").unlink()
    with pytest.raises(DamagedDataError, match=r"derived_X.npy.*delete the folder"):
        open_splits(centred)


def test_array_of_another_shape_is_refused(prepared):
    with pytest.raises(DamagedDataError, match=r"train_examples.npy: holds uint8 \(8, 12\), exp"):
        open_splits(dataclasses.replace(prepared, split_spec=SplitSpec(9, 3)))


def test_array_of_another_type_is_refused(prepared):
    np.save(prepared.folder / "train_examples.npy", np.zeros((8, 12), np.int8))
    with pytest.raises(DamagedDataError, match=r"holds int8 \(8, 12\), expected uint8"):
        open_splits(prepared)


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 12), np.float32), np.float32(0), np.zeros((8, 12), np.int32)]
)
def test_derived_arrays_of_another_shape_or_type_are_refused(centred, wrong):
    np.save(centred.folder / "derived_X.npy", wrong)
    with pytest.raises(
        DamagedDataError, match=r"derived_X.npy: holds .*, expected float32 \(8, 12\)"
    ):
        open_splits(centred)


@pytest.mark.parametrize("name", ["validation_examples.npy", "derived_mean.npy"])
def test_truncated_array_is_refused(prepared, name):
    path = prepared.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedDataError, match=rf"{name}: .*delete the folder"):
        open_splits(prepared)


@pytest.mark.parametrize("name", ["validation_examples.npy", "derived_mean.npy"])
def test_array_that_is_followed_by_other_bytes_is_refused(prepared, name):
    with (prepared.folder / name).open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamagedDataError, match=rf"{name}: expected .* bytes, got"):
        open_splits(prepared)


class Payload:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["train_examples.npy", "derived_mean.npy"])
def test_pickle_in_place_of_an_array_is_refused_and_not_run(prepared, tmp_path, name):
    (prepared.folder / name).write_bytes(pickle.dumps(Payload(tmp_path / "made")))
    with pytest.raises(DamagedDataError, match=rf"{name}: not an array"):
        open_splits(prepared)
    assert not (tmp_path / "made").exists()


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 8 * 128 - 1))
@example(bit=65)  # in the header's own length: the array begins two bytes early
def test_flipped_bit_in_a_header_gives_an_error_or_the_right_array(
    prepared, source, flip, attempt, bit
):
    path = prepared.folder / "train_examples.npy"
    content = path.read_bytes()
    path.write_bytes(flip(content, bit))
    images = attempt(lambda: np.array(open_splits(prepared).train))
    path.write_bytes(content)
    if not isinstance(images, DamagedDataError):
        np.testing.assert_array_equal(images, source.dataset.train_images[:8].reshape(8, 12))
