"""The digits are always there, and dealt the same for everybody."""

import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from sklearn.datasets import load_digits

from hpsearch.datasets import digits
from hpsearch.datasets.digits import Digits
from hpsearch.foundations.errors import DamagedDataError


def test_splits_have_the_sizes_and_types_that_studies_count_on():
    dataset = Digits().load()
    assert dataset.train_images.shape == (1497, 8, 8, 1)
    assert dataset.test_images.shape == (300, 8, 8, 1)
    assert dataset.train_images.dtype == np.uint8
    assert dataset.train_labels.dtype == np.int64
    assert dataset.train_images.max() == 16
    assert dataset.class_names == tuple("0123456789")
    assert dataset.checksum == Digits().checksum


def test_every_image_is_in_one_split_with_its_own_label():
    dataset, bunch = Digits().load(), load_digits()
    images = np.concatenate([dataset.train_images, dataset.test_images]).reshape(-1, 64)
    labels = np.concatenate([dataset.train_labels, dataset.test_labels])
    dealt = sorted((*image, label) for image, label in zip(images, labels, strict=True))
    published = sorted(
        (*image, label) for image, label in zip(bunch.data, bunch.target, strict=True)
    )
    assert dealt == published


def test_every_class_is_in_both_splits_in_fair_number():
    """The published rows are ordered by writer; the dealing must not be."""
    dataset = Digits().load()
    assert np.bincount(dataset.test_labels, minlength=10).min() >= 20
    assert np.bincount(dataset.train_labels, minlength=10).min() >= 120


def test_other_images_than_the_known_ones_are_refused(monkeypatch):
    monkeypatch.setattr(digits, "_SHUFFLE_SEED", 1)
    with pytest.raises(DamagedDataError, match=r"load_digits: images have the SHA-256 \w+, exp"):
        Digits().load()


def test_they_are_loaded_without_importing_scikit_learn():
    """Its import takes a second or two of each first run."""
    program = (
        "import sys; from hpsearch.datasets.digits import Digits; Digits().load();"
        "print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_a_file_that_cannot_be_read_is_reported_with_its_path(monkeypatch, tmp_path):
    spec = mock.Mock(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(digits, "find_spec", lambda name: spec)
    with pytest.raises(DamagedDataError, match=r"digits\.csv\.gz: expected scikit-learn's digits"):
        Digits().load()
