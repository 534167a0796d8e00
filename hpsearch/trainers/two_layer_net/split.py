"""Training examples of the two-layer net with their preprocessing, for one trial."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import Schema
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.metrics import ACCURACY, MEAN_SQUARED_ERROR, Metric
from hpsearch.trainers.two_layer_net.frequencies import Waves
from hpsearch.trainers.two_layer_net.preprocessing import (
    CONTRAST_FLOOR,
    InputSettings,
    Preprocessing,
)
from hpsearch.trainers.two_layer_net.scaling import Scaling, TargetScale, load_scaling

__all__ = ["Fitted", "Split", "make_split"]

_NO_ROWS = np.zeros((0, 0), np.float32)
_NO_LABELS = np.zeros(0, np.int64)


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
    """Training examples, and the preprocessing of all examples.

    Parameters
    ----------
    train_rows : uint8 array, shape (N, D); or float32 array, shape (N, K); read-only
        One row for each training example: raw pixels, flattened height by width by colour, or
        their products with all components; of a table, the net's inputs.
    train_labels : int64 or float64 array, shape (N,), read-only
        Class of each row, in [0, n_classes); numbers for regression.
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
    target_scale : TargetScale, optional
        Scale of the targets, for regression.
    """

    train_rows: NDArray[np.uint8] | NDArray[np.float32]
    train_labels: NDArray[Any]
    preprocessing: Preprocessing | Scaling
    n_classes: int
    image_shape: tuple[int, int, int] | None
    pixel_std: float
    plain: Fitted | None
    normalised: Fitted | None = None
    waves: Waves | None = None
    scales: NDArray[np.float32] | None = None
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
        return dataclasses.replace(self, preprocessing=preprocessing, scales=scales)


def make_split(
    schema: Schema,
    derived: Mapping[str, NDArray[Any]],
    rows: NDArray[Any] = _NO_ROWS,
    labels: NDArray[Any] = _NO_LABELS,
) -> Split:
    """Assemble training examples and the arrays that `derive_arrays` made of them.

    Parameters
    ----------
    schema : Schema
        Shape of an example, columns and classes.
    derived : mapping
        Output of `hpsearch.trainers.two_layer_net.derived.derive_arrays`, without ``X``.
    rows, labels : arrays, shapes (N, ...) and (N,)
        Training examples, or the ``X`` derived from them, and their targets. If left out, only the
        preprocessing can be used.
    """
    if schema.image_shape is None:
        return _make_table_split(schema, derived, rows, labels)
    components = derived.get("components")
    plain = Fitted(derived["mean_image"].astype(np.float32), derived.get("variances"))
    normalised = None
    if "normalised_mean_image" in derived:
        mean_image = derived["normalised_mean_image"].astype(np.float32)
        normalised = Fitted(mean_image, derived.get("normalised_variances"))
    waves = Waves(schema.image_shape, *derived["frequencies"]) if "frequencies" in derived else None
    return Split(
        train_rows=rows,
        train_labels=labels,
        preprocessing=Preprocessing(plain.mean_image, components),
        n_classes=len(schema.class_names),
        image_shape=schema.image_shape,
        pixel_std=float(derived["pixel_std"][0]),
        plain=plain,
        normalised=normalised,
        waves=waves,
    )


def _make_table_split(
    schema: Schema,
    derived: Mapping[str, NDArray[Any]],
    rows: NDArray[Any],
    labels: NDArray[Any],
) -> Split:
    scale = derived.get("target_scale")
    return Split(
        train_rows=rows,
        train_labels=labels,
        preprocessing=load_scaling(derived["scaling"]),
        n_classes=schema.n_outputs,
        image_shape=None,
        pixel_std=1.0,
        plain=None,
        target_scale=None if scale is None else TargetScale(*scale.tolist()),
    )
