"""A model's predictions on the validation examples, saved for comparisons of models."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.files import replacing

__all__ = ["PREDICTIONS_FILE", "load_predictions", "save_predictions"]

PREDICTIONS_FILE = "validation_predictions.npy"


def save_predictions(path: Path, predictions: NDArray[Any], n_classes: int) -> None:
    """Write predictions to `path`, atomically: one byte each for up to 256 classes.

    Parameters
    ----------
    path : Path
        The file.
    predictions : int64 or float64 array, shape (M,)
        A class in [0, n_classes), or a number, for each validation example, in their order.
    n_classes : int
        Number of classes.

    Raises
    ------
    OSError
        If the disk is full or read-only.
    """
    if predictions.dtype.kind == "i":
        predictions = predictions.astype(np.min_scalar_type(n_classes - 1))
    with replacing(path) as file:
        np.save(file, predictions, allow_pickle=False)


def load_predictions(path: Path) -> NDArray[Any]:
    """Read the predictions written by `save_predictions`, shape (M,).

    Raises
    ------
    FileNotFoundError
        If there are none: the trial did not complete, or ran before predictions were saved.
    DamagedDataError
        If the file is not an array of predictions.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if found.ndim != 1 or found.dtype.kind not in "uf":
            raise ValueError(f"{found.dtype} of shape {found.shape}")
        return np.asarray(found, np.int64 if found.dtype.kind == "u" else np.float64)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged header can raise any
        raise DamagedDataError(f"{path}: expected predictions, got {error}") from error
