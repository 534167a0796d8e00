"""Training and validation examples of prepared data, memory-mapped by workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.prepared import (
    ADVICE,
    FOLDS_FILE,
    TRAIN_FILE,
    TRAIN_TARGETS_FILE,
    VALIDATION_FILE,
    VALIDATION_TARGETS_FILE,
    PreparedData,
    derived_file,
)
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import one_line

__all__ = ["Splits", "open_folds", "open_splits", "open_validation"]


@dataclass(frozen=True)
class Splits:
    """Training and validation examples, and what the trainer derived from the former.

    Parameters
    ----------
    train : array, shape (N, ...), read-only
        Training examples: pixels, uint8, or columns, float64, of shape (N, D); or what the trainer
        derived in their place.
    train_targets : int64 or float64 array, shape (N,), read-only
        Their classes, or numbers for regression.
    validation : uint8 or float64 array, shape (M, D), read-only
        Validation examples: pixels or columns. None (M = 0) for all examples of cross-validation.
    validation_targets : int64 or float64 array, shape (M,), read-only
        Their classes or numbers.
    derived : mapping
        Arrays that the trainer derived from the training examples, by name.
    """

    train: NDArray[Any]
    train_targets: NDArray[Any]
    validation: NDArray[Any]
    validation_targets: NDArray[Any]
    derived: Mapping[str, NDArray[Any]]


def open_splits(prepared: PreparedData) -> Splits:
    """Memory-map the training and validation splits; all workers share the same pages.

    Parameters
    ----------
    prepared : PreparedData
        Data as `hpsearch.datasets.prepare` wrote it.

    Returns
    -------
    Splits
        Checked for shapes and types only; `PreparedData.verify` checks the contents.

    Raises
    ------
    DamagedDataError
        If a file is missing, or is not the expected array.
    """
    folder, schema, sizes = prepared.folder, prepared.schema, prepared.split_spec
    kind, n = np.dtype(np.uint8 if schema.image_shape else np.float64), schema.n_features
    target_kind = np.dtype(np.int64 if schema.task == Task.CLASSIFICATION else np.float64)
    derived = {
        name: _map_array(folder / derived_file(name), np.dtype(dtype), shape)
        for name, (dtype, shape) in prepared.derived.items()
    }
    train = derived.pop("X", None)
    if train is None:
        train = _map_array(folder / TRAIN_FILE, kind, (sizes.n_train, n))
    n_validation = sizes.n_validation
    return Splits(
        train,
        _map_array(folder / TRAIN_TARGETS_FILE, target_kind, (sizes.n_train,)),
        _map_array(folder / VALIDATION_FILE, kind, (n_validation, n)),
        _map_array(folder / VALIDATION_TARGETS_FILE, target_kind, (n_validation,)),
        derived,
    )


def open_folds(prepared: PreparedData) -> NDArray[np.int64]:
    """Open the fold of each example of cross-validation, in [0, n_folds), shape (N,).

    Splits are in the order of ``open_splits(prepared)``, which the validation split of each
    fold keeps.

    Raises
    ------
    DamagedDataError
        If the file is missing, or is not the expected array.
    """
    shape = (prepared.split_spec.n_train,)
    return _map_array(prepared.folder / FOLDS_FILE, np.dtype(np.int64), shape)


def open_validation(prepared: PreparedData) -> tuple[NDArray[Any], NDArray[Any]]:
    """Open the validation examples, shape (M, D), and their classes or numbers, shape (M,).

    Raw pixels or columns. With folds these are all examples, as each of them is predicted by the
    model that was trained on the other folds.

    Raises
    ------
    DamagedDataError
        If a file is missing, or is not the expected array.
    """
    if not prepared.folds:
        found = open_splits(prepared)
        return found.validation, found.validation_targets
    parts, folds = [open_splits(fold) for fold in prepared.folds], open_folds(prepared)
    order = np.argsort(np.argsort(folds, kind="stable"))
    examples = np.concatenate([part.validation for part in parts])
    targets = np.concatenate([part.validation_targets for part in parts])
    return examples[order], targets[order]


def _map_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Memory-map an array, and check its type and shape."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        found = f"{array.dtype} {array.shape}"
    except Exception as error:  # a garbled header can raise any
        raise DamagedDataError(f"{path}: not an array: {one_line(error)}; {ADVICE}") from error
    if array.dtype != dtype or array.shape != shape:
        raise DamagedDataError(f"{path}: holds {found}, expected {dtype} {shape}; {ADVICE}")
    # A header with a wrong length of its own would shift the array by a few bytes.
    if array.offset + array.nbytes != (size := path.stat().st_size):
        raise DamagedDataError(
            f"{path}: expected {array.offset + array.nbytes} bytes, got {size}; {ADVICE}"
        )
    return np.asarray(array)
