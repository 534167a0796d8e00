"""The two loaders of the assignment's notebook, with its names and results.

Studies use `find_source`, `prepare` and `open_splits`; these functions return float64 copies of
all images, including the test images, as the notebook does.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.cifar10 import Cifar10
from hpsearch.datasets.cifar10_finding import locate_cifar10
from hpsearch.datasets.dataset import Dataset
from hpsearch.foundations.environment_variables import Environment
from hpsearch.foundations.errors import MissingDataError, UsageError

__all__ = ["get_CIFAR10_data", "load_CIFAR10"]

_Images = NDArray[np.float64]
_Labels = NDArray[np.int64]


def load_CIFAR10(  # noqa: N802 - the notebook's name
    root: str | os.PathLike[str],
) -> tuple[_Images, _Labels, _Images, _Labels]:
    """Load all of CIFAR-10 as raw pixels.

    Parameters
    ----------
    root : path
        The folder ``cifar-10-batches-py``, or the one it is in, or its archive.

    Returns
    -------
    X_train : float64 array, shape (50000, 32, 32, 3)
        Pixels, 0 to 255.
    y_train : int64 array, shape (50000,)
        Classes, 0 to 9.
    X_test : float64 array, shape (10000, 32, 32, 3)
    y_test : int64 array, shape (10000,)

    Raises
    ------
    MissingDataError
        If it is not found.
    DamagedDataError
        If a batch fails its checksum, which is checked before it is unpickled.
    """
    dataset = _load(Path(root))
    return (
        dataset.train_images.astype(np.float64),
        dataset.train_labels,
        dataset.test_images.astype(np.float64),
        dataset.test_labels,
    )


def get_CIFAR10_data(  # noqa: N802 - the notebook's name
    num_training: int = 49000,
    num_validation: int = 1000,
    num_test: int = 1000,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[_Images, _Labels, _Images, _Labels, _Images, _Labels]:
    """Load CIFAR-10 as three splits of flattened images, minus the mean training image.

    Parameters
    ----------
    num_training, num_validation : int
        The first training images, and the ones after them.
    num_test : int
        The first test images.
    data_dir : path, optional
        Where ``cifar-10-batches-py`` is; by default the folder in the environment
        variable HPSEARCH_DATA_DIR, or else ``datasets``.

    Returns
    -------
    X_train, y_train : float64 array, shape (num_training, 3072), and int64 (num_training,)
        Rows are flattened height by width by colour.
    X_val, y_val : the same for num_validation
    X_test, y_test : the same for num_test

    Raises
    ------
    UsageError
        If a number is below 1 or asks for more than there is.
    MissingDataError
        If CIFAR-10 is not found.
    DamagedDataError
        If a batch fails its checksum.
    """
    if data_dir is None:
        data_dir = Environment.read().data_dir or "datasets"
    dataset = _load(Path(data_dir))
    _check_sizes(dataset, num_training, num_validation, num_test)
    end = num_training + num_validation
    train = _rows(dataset.train_images[:num_training])
    mean_image = np.mean(train, axis=0)
    return (
        train - mean_image,
        dataset.train_labels[:num_training],
        _rows(dataset.train_images[num_training:end]) - mean_image,
        dataset.train_labels[num_training:end],
        _rows(dataset.test_images[:num_test]) - mean_image,
        dataset.test_labels[:num_test],
    )


def _load(folder: Path) -> Dataset:
    located = locate_cifar10(folder)
    if located is None:
        raise MissingDataError(f"{folder}: expected cifar-10-batches-py in it, found none")
    return Cifar10(located).load()


def _check_sizes(dataset: Dataset, num_training: int, num_validation: int, num_test: int) -> None:
    available = len(dataset.train_labels), len(dataset.test_labels)
    if min(num_training, num_validation, num_test) < 1:
        given = f"{num_training}, {num_validation} and {num_test}"
        raise UsageError(
            f"num_training, num_validation and num_test must be at least 1, got {given}"
        )
    if num_training + num_validation > available[0] or num_test > available[1]:
        raise UsageError(
            f"num_training + num_validation = {num_training + num_validation} and"
            f" num_test = {num_test} must be at most {available[0]} and {available[1]}"
        )


def _rows(images: NDArray[np.uint8]) -> _Images:
    return images.reshape(len(images), -1).astype(np.float64)
