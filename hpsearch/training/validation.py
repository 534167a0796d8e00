"""The classes that a net gave the validation images, kept so that nets can be compared later."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import DamagedDataError
from hpsearch.files import replacing

__all__ = ["PREDICTIONS_FILE", "load_predictions", "save_predictions"]

PREDICTIONS_FILE = "validation_predictions.npy"


def save_predictions(path: Path, labels: NDArray[np.int64], n_classes: int) -> None:
    """Write predicted classes to `path`, wholly or not at all: a byte each up to 256 classes.

    Parameters
    ----------
    path : Path
        The file.
    labels : int64 array, shape (M,)
        A class in [0, n_classes) for each validation image, in the images' order.
    n_classes : int
        Number of classes.

    Raises
    ------
    OSError
        If the disk is full or read-only.
    """
    with replacing(path) as file:
        np.save(file, labels.astype(np.min_scalar_type(n_classes - 1)), allow_pickle=False)


def load_predictions(path: Path) -> NDArray[np.int64]:
    """Read what `save_predictions` wrote, shape (M,).

    Raises
    ------
    FileNotFoundError
        If there is none: the trial did not complete, or ran before predictions were kept.
    DamagedDataError
        If the file is not an array of classes.
    """
    try:
        labels = np.load(path, allow_pickle=False)
        if labels.ndim != 1 or labels.dtype.kind != "u":
            raise ValueError(f"{labels.dtype} of shape {labels.shape}")
        return np.asarray(labels, np.int64)
    except FileNotFoundError:
        raise
    except Exception as error:  # a garbled header can raise any
        raise DamagedDataError(f"{path}: expected predicted classes, got {error}") from error
