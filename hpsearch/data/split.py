"""Training and validation splits of prepared data, memory-mapped by workers."""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.basis import Frequencies
from hpsearch.data.frequencies import Waves
from hpsearch.data.prepared import (
    ADVICE,
    COMPONENTS_FILE,
    FOLDS_FILE,
    FREQUENCIES_FILE,
    MEAN_IMAGE_FILE,
    NORMALISED_MEAN_IMAGE_FILE,
    NORMALISED_VARIANCES_FILE,
    SCALING_FILE,
    TRAIN_COORDINATES_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    VALIDATION_COORDINATES_FILE,
    VALIDATION_FEATURES_FILE,
    VALIDATION_IMAGES_FILE,
    VALIDATION_LABELS_FILE,
    VARIANCES_FILE,
    PreparedData,
)
from hpsearch.data.preprocessing import CONTRAST_FLOOR, InputSettings, Preprocessing
from hpsearch.data.reading import one_line
from hpsearch.data.scaling import Scaling, TargetScale, load_scaling
from hpsearch.errors import DamagedDataError
from hpsearch.metrics import ACCURACY, MEAN_SQUARED_ERROR, Metric

__all__ = ["Fitted", "Split", "open_folds", "open_split", "open_validation"]


@dataclass(frozen=True)
class Fitted:
    """Statistics of the training images, either as they are or contrast-normalised.

    Parameters
    ----------
    mean_image : float32 array, shape (D,)
        Their mean.
    variances : float32 array, shape (K,), optional
        Along each component, in mean variances of a pixel; None without components.
    """

    mean_image: NDArray[np.float32]
    variances: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Split:
    """Training and validation data, and their preprocessing.

    Parameters
    ----------
    train_rows : uint8 array, shape (N, D); or float32 array, shape (N, K); read-only
        One row for each training example: raw pixels, flattened height by width by colour, or
        their products with all components; of a table, the net's inputs.
    train_labels : int64 or float64 array, shape (N,), read-only
        Class of each row, in [0, n_classes); numbers for regression.
    validation_images : uint8 or float64 array, shape (M, D), read-only
        Raw pixels, or columns, of the validation examples.
    validation_labels : int64 or float64 array, shape (M,), read-only
        Their classes or numbers. Both are empty for all examples of cross-validation.
    preprocessing : Preprocessing or Scaling
        Map from raw pixels or columns to the net's inputs.
    n_classes : int
        Number of classes; 1 for regression.
    image_shape : tuple of int or None
        Height, width, colours; None for tables.
    pixel_std : float
        Standard deviation of a pixel of the training images: root of the mean of the pixels'
        variances.
    plain : Fitted or None
        Statistics of the images as they are; None for tables.
    normalised : Fitted, optional
        Statistics of the contrast-normalised images.
    waves : Waves, optional
        The components as waves, if rows are pixels and the transform is the DCT: faster than a
        product with the components.
    scales : float32 array, shape (n_inputs,), optional
        Factors that turn the first n_inputs products of a row into the net's inputs; None if
        rows are inputs already.
    validation_coordinates : float32 array, shape (M, K), optional
        Inputs of the validation images, if they are stored.
    target_scale : TargetScale, optional
        Scale of the targets, for regression.
    """

    train_rows: NDArray[np.uint8] | NDArray[np.float32]
    train_labels: NDArray[Any]
    validation_images: NDArray[Any]
    validation_labels: NDArray[Any]
    preprocessing: Preprocessing | Scaling
    n_classes: int
    image_shape: tuple[int, int, int] | None
    pixel_std: float
    plain: Fitted | None
    normalised: Fitted | None = None
    waves: Waves | None = None
    scales: NDArray[np.float32] | None = None
    validation_coordinates: NDArray[np.float32] | None = None
    target_scale: TargetScale | None = None

    @property
    def metric(self) -> Metric:
        """Metric of predictions."""
        return MEAN_SQUARED_ERROR if self.target_scale else ACCURACY

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the preprocessing and of the target scale, by name."""
        scale = self.target_scale.arrays() if self.target_scale else {}
        return {**self.preprocessing.arrays(), **scale}

    @property
    def image_preprocessing(self) -> Preprocessing:
        """`preprocessing`, if examples are images."""
        assert isinstance(self.preprocessing, Preprocessing)
        return self.preprocessing

    @functools.cached_property
    def validation_inputs(self) -> NDArray[np.float32]:
        """Inputs of the validation examples, shape (M, n_inputs); computed once."""
        if self.validation_coordinates is not None:
            return self.validation_coordinates
        return self.preprocessing.apply(self.validation_images)

    def with_inputs(self, settings: InputSettings) -> "Split":
        """Return the same images with inputs preprocessed as `settings` specify.

        Each scaled component is one product, so that the preprocessing is bit-identical on all
        machines.

        Raises
        ------
        DamagedDataError
            If the data was not prepared for `settings`.
        """
        if settings == InputSettings():
            return self
        if not isinstance(self.preprocessing, Preprocessing):
            raise DamagedDataError("contrast, components and whitening are for images alone")
        is_normalised = settings.contrast == "per_image"
        fitted = self.normalised if is_normalised else self.plain
        if fitted is None:
            raise DamagedDataError("the data was not prepared for normalised contrast")
        floor = CONTRAST_FLOOR if is_normalised else None
        components, variances = self.preprocessing.components, fitted.variances
        if components is None or variances is None:
            preprocessing = Preprocessing(fitted.mean_image, contrast_floor=floor)
            return dataclasses.replace(self, preprocessing=preprocessing)
        kept = slice(settings.n_components or len(variances))
        scales = (variances[kept] + np.float32(settings.ridge)) ** np.float32(-settings.whitening)
        if settings.contrast == "global":
            scales /= np.float32(self.pixel_std)
        # Column-major: the last bits of their lengths, and so of a study's result, depend on it.
        scaled = np.asfortranarray(components[:, kept]) * scales
        preprocessing = Preprocessing(fitted.mean_image, scaled, floor)
        return dataclasses.replace(
            self, preprocessing=preprocessing, scales=scales, validation_coordinates=None
        )


def open_split(prepared: PreparedData) -> Split:
    """Memory-map the training and validation splits; all workers share the same pages.

    Parameters
    ----------
    prepared : PreparedData
        Data as `hpsearch.data.prepare` wrote it.

    Returns
    -------
    Split
        Checked for shapes and types only; `PreparedData.verify` checks the contents.

    Raises
    ------
    DamagedDataError
        If a file is missing, or is not the expected array.
    """
    if prepared.image_shape is None:
        return _open_table(prepared)
    n_train, n_validation = prepared.split_spec.n_train, prepared.split_spec.n_validation
    n_components, n_pixels = prepared.n_components, prepared.schema.n_features

    def load(name: str, dtype: Any, *shape: int) -> NDArray[Any]:
        return _map_array(prepared.folder / name, np.dtype(dtype), shape)

    def load_fitted(mean_image_file: str, variances_file: str) -> Fitted:
        mean_image = load(mean_image_file, np.float64, n_pixels).astype(np.float32)
        if n_components is None:
            return Fitted(mean_image)
        return Fitted(mean_image, load(variances_file, np.float32, n_components))

    components = waves = None
    if n_components is not None:
        components = load(COMPONENTS_FILE, np.float32, n_pixels, n_components)
        if (
            isinstance(prepared.split_spec.basis, Frequencies)
            and prepared.split_spec.is_augmentable
        ):
            waves = Waves(prepared.image_shape, *load(FREQUENCIES_FILE, np.int64, 3, n_components))
    validation_coordinates = None
    if n_components is None or prepared.split_spec.is_augmentable:
        train_rows = load(TRAIN_IMAGES_FILE, np.uint8, n_train, n_pixels)
    else:
        train_rows = load(TRAIN_COORDINATES_FILE, np.float32, n_train, n_components)
        validation_coordinates = load(
            VALIDATION_COORDINATES_FILE, np.float32, n_validation, n_components
        )
    plain = load_fitted(MEAN_IMAGE_FILE, VARIANCES_FILE)
    return Split(
        train_rows=train_rows,
        train_labels=load(TRAIN_LABELS_FILE, np.int64, n_train),
        validation_images=load(VALIDATION_IMAGES_FILE, np.uint8, n_validation, n_pixels),
        validation_labels=load(VALIDATION_LABELS_FILE, np.int64, n_validation),
        preprocessing=Preprocessing(plain.mean_image, components),
        n_classes=len(prepared.class_names),
        image_shape=prepared.image_shape,
        pixel_std=prepared.pixel_std,
        plain=plain,
        normalised=(
            load_fitted(NORMALISED_MEAN_IMAGE_FILE, NORMALISED_VARIANCES_FILE)
            if prepared.split_spec.is_augmentable
            else None
        ),
        waves=waves,
        validation_coordinates=validation_coordinates,
    )


def open_folds(prepared: PreparedData) -> NDArray[np.int64]:
    """Open the fold of each example of cross-validation, in [0, n_folds), shape (N,).

    Examples are in the order of ``open_split(prepared)``, which the validation split of each fold
    keeps.

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
    net that was trained on the other folds.

    Raises
    ------
    DamagedDataError
        If a file is missing, or is not the expected array.
    """
    if not prepared.folds:
        split = open_split(prepared)
        return split.validation_images, split.validation_labels
    splits, folds = [open_split(fold) for fold in prepared.folds], open_folds(prepared)
    order = np.argsort(np.argsort(folds, kind="stable"))
    examples = np.concatenate([split.validation_images for split in splits])
    targets = np.concatenate([split.validation_labels for split in splits])
    return examples[order], targets[order]


def _open_table(prepared: PreparedData) -> Split:
    def load(name: str, dtype: Any, *shape: int) -> NDArray[Any]:
        return _map_array(prepared.folder / name, np.dtype(dtype), shape)

    n_train, n_validation = prepared.split_spec.n_train, prepared.split_spec.n_validation
    schema, scale = prepared.schema, prepared.target_scale
    scaling = load_scaling(load(SCALING_FILE, np.float64, 4, schema.n_features))
    n_inputs, target_type = scaling.n_inputs, np.float64 if scale else np.int64
    return Split(
        train_rows=load(TRAIN_COORDINATES_FILE, np.float32, n_train, n_inputs),
        train_labels=load(TRAIN_LABELS_FILE, target_type, n_train),
        validation_images=load(
            VALIDATION_FEATURES_FILE, np.float64, n_validation, schema.n_features
        ),
        validation_labels=load(VALIDATION_LABELS_FILE, target_type, n_validation),
        preprocessing=scaling,
        n_classes=schema.n_outputs,
        image_shape=None,
        pixel_std=prepared.pixel_std,
        plain=None,
        validation_coordinates=load(
            VALIDATION_COORDINATES_FILE, np.float32, n_validation, n_inputs
        ),
        target_scale=scale,
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
