"""Training and validation images as a worker sees them: mapped from disk, not copied."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.prepared import (
    ADVICE,
    COMPONENTS_FILE,
    MEAN_IMAGE_FILE,
    TRAIN_COORDINATES_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    VALIDATION_IMAGES_FILE,
    VALIDATION_LABELS_FILE,
    PreparedData,
)
from hpsearch.data.preprocessing import Preprocessing
from hpsearch.data.reading import one_line
from hpsearch.errors import DamagedDataError

__all__ = ["Split", "open_split"]


@dataclass(frozen=True)
class Split:
    """What training may see.

    Parameters
    ----------
    train_rows : uint8 array, shape (N, D); or float32 array, shape (N, K); read-only
        One row for each training image: raw pixels, flattened height by width by colour, or
        what `preprocessing` makes of them, if that takes more than subtracting the mean.
    train_labels : int64 array, shape (N,), read-only
        Class of each row, in [0, n_classes).
    validation_images : uint8 array, shape (M, D), read-only
        Raw pixels of the images that settings are judged by.
    validation_labels : int64 array, shape (M,), read-only
        Their classes.
    preprocessing : Preprocessing
        From raw pixels to what the net is fed.
    n_classes : int
        Number of classes.
    """

    train_rows: NDArray[np.uint8] | NDArray[np.float32]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    preprocessing: Preprocessing
    n_classes: int


def open_split(prepared: PreparedData) -> Split:
    """Memory-map the training and validation splits; all workers share the same pages.

    Parameters
    ----------
    prepared : PreparedData
        What to open.

    Returns
    -------
    Split
        Checked for shapes and types only; `PreparedData.verify` checks the contents.

    Raises
    ------
    DamagedDataError
        If a file is not there, or is not the array that it should be.
    """
    n_train, n_validation = prepared.n_train, prepared.n_validation
    n_components = prepared.n_components
    height, width, colours = prepared.image_shape
    n_pixels = height * width * colours

    def load(name: str, dtype: Any, *shape: int) -> NDArray[Any]:
        return _map_array(prepared.folder / name, np.dtype(dtype), shape)

    if n_components is None:
        components = None
        train_rows = load(TRAIN_IMAGES_FILE, np.uint8, n_train, n_pixels)
    else:
        components = load(COMPONENTS_FILE, np.float32, n_pixels, n_components)
        train_rows = load(TRAIN_COORDINATES_FILE, np.float32, n_train, n_components)
    mean_image = load(MEAN_IMAGE_FILE, np.float64, n_pixels).astype(np.float32)
    return Split(
        train_rows=train_rows,
        train_labels=load(TRAIN_LABELS_FILE, np.int64, n_train),
        validation_images=load(VALIDATION_IMAGES_FILE, np.uint8, n_validation, n_pixels),
        validation_labels=load(VALIDATION_LABELS_FILE, np.int64, n_validation),
        preprocessing=Preprocessing(mean_image, components),
        n_classes=len(prepared.class_names),
    )


def _map_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
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
