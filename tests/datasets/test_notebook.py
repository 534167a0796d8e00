"""The notebook's loaders give what the notebook's own code gives."""

import numpy as np
import pytest

from hpsearch.datasets import cifar10, notebook
from hpsearch.datasets.notebook import get_CIFAR10_data, load_CIFAR10
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, UsageError


@pytest.fixture
def folder(fake_cifar10, tmp_path, monkeypatch):
    """Made-up batches that pass for official."""
    edition = fake_cifar10.edition
    monkeypatch.setattr(notebook, "Cifar10", lambda path: cifar10.Cifar10(path, edition))
    return fake_cifar10.write_pickled(tmp_path / "datasets" / "cifar-10-batches-py")


def test_raw_data_are_float64_images_and_int_labels(folder, fake_cifar10):
    X_train, y_train, X_test, y_test = load_CIFAR10(str(folder))
    images = fake_cifar10.images()
    np.testing.assert_array_equal(X_train, images[:20])
    np.testing.assert_array_equal(y_train, fake_cifar10.labels[:20])
    np.testing.assert_array_equal(X_test, images[20:])
    np.testing.assert_array_equal(y_test, fake_cifar10.labels[20:])
    assert X_train.dtype == X_test.dtype == np.float64


def test_processed_data_are_rows_less_the_mean_training_image(folder, fake_cifar10):
    """Bit for bit what the assignment's steps give: cut, mean over images, subtract, flatten."""
    X = fake_cifar10.images().astype(np.float64)
    mean_image = np.mean(X[:13], axis=0)
    X_train, y_train, X_val, y_val, X_test, y_test = get_CIFAR10_data(13, 5, 3, folder.parent)
    np.testing.assert_array_equal(X_train, (X[:13] - mean_image).reshape(13, -1))
    np.testing.assert_array_equal(X_val, (X[13:18] - mean_image).reshape(5, -1))
    np.testing.assert_array_equal(X_test, (X[20:23] - mean_image).reshape(3, -1))
    labels = fake_cifar10.labels
    np.testing.assert_array_equal(np.concatenate([y_train, y_val]), labels[:18])
    np.testing.assert_array_equal(y_test, labels[20:23])


def test_folder_comes_from_the_environment_or_is_datasets(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HPSEARCH_DATA_DIR", str(folder.parent))
    assert get_CIFAR10_data(1, 1, 1)[0].shape == (1, 3072)
    monkeypatch.delenv("HPSEARCH_DATA_DIR")
    monkeypatch.chdir(tmp_path)
    assert get_CIFAR10_data(1, 1, 1)[0].shape == (1, 3072)
    monkeypatch.chdir(folder)
    with pytest.raises(MissingDataError, match="datasets"):
        get_CIFAR10_data(1, 1, 1)


@pytest.mark.parametrize("sizes", [(20, 1, 1), (1, 1, 5), (0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_impossible_sizes_are_refused(folder, sizes):
    with pytest.raises(UsageError, match="num_training"):
        get_CIFAR10_data(*sizes, data_dir=folder)


def test_batches_are_verified(folder):
    (folder / "test_batch").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(DamagedDataError, match="test_batch: has the MD5"):
        load_CIFAR10(folder)


@pytest.mark.slow
def test_real_data_have_the_shapes_that_the_notebook_prints(cifar10_folder):
    splits = get_CIFAR10_data(data_dir=cifar10_folder)
    shapes = [split.shape for split in splits]
    assert shapes == [(49000, 3072), (49000,), (1000, 3072), (1000,), (1000, 3072), (1000,)]
    assert abs(splits[0].mean(axis=0)).max() < 1e-9
