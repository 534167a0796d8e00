"""Fit the statistics of training images, and apply the input transform to them.

With a transform the training images are stored as its coefficients instead of pixels, unless
they are augmented as images before each step.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.basis import Basis, Frequencies
from hpsearch.trainers.two_layer_net.components import (
    fit_components,
    fit_mean_image,
    measure_variances,
    project,
)
from hpsearch.trainers.two_layer_net.frequencies import choose_frequencies
from hpsearch.trainers.two_layer_net.preprocessing import CONTRAST_FLOOR, Preprocessing

__all__ = ["fit_training_images"]


def fit_training_images(
    train: NDArray[np.uint8],
    mean_image: NDArray[np.float64],
    image_shape: tuple[int, int, int],
    basis: Basis | None,
    is_augmentable: bool,
) -> dict[str, NDArray[Any]]:
    """Fit the statistics of the training images, and transform them as specified.

    Parameters
    ----------
    train : uint8 array, shape (N, D)
        Training images.
    mean_image : float64 array, shape (D,)
        Their mean.
    image_shape : tuple of int
        Height, width, colours, whose product is D.
    basis : Basis or None
        Input transform; None for pixels.
    is_augmentable : bool
        Whether they are stored as pixels even with a transform.

    Returns
    -------
    dict
        Arrays by name; ``X`` if the images are stored as their coefficients.
    """
    arrays: dict[str, NDArray[Any]] = {}
    components = None
    if isinstance(basis, Frequencies):
        waves, variances = choose_frequencies(train, mean_image, image_shape, basis)
        components = waves.make_components()
        arrays |= {"components": components, "variances": variances}
        if not is_augmentable:
            return arrays | {"X": waves.project(train, mean_image)}
        arrays |= {"frequencies": np.stack([waves.down, waves.across, waves.colours])}
    elif basis:
        components = fit_components(train, mean_image, basis)
        plain = Preprocessing(mean_image.astype(np.float32), components)
        arrays |= {"components": components, "variances": measure_variances(train, plain)}
        if not is_augmentable:
            return arrays | {"X": project(train, mean_image, components)}
    if is_augmentable:
        arrays |= _fit_normalised(train, components)
    return arrays


def _fit_normalised(
    train: NDArray[np.uint8], components: NDArray[np.float32] | None
) -> dict[str, NDArray[Any]]:
    """Fit mean image and variances along components on contrast-normalised images."""
    zero = np.zeros(train.shape[1], np.float32)
    mean_image = fit_mean_image(train, Preprocessing(zero, contrast_floor=CONTRAST_FLOOR))
    arrays = {"normalised_mean_image": mean_image}
    if components is None:
        return arrays
    mean = mean_image.astype(np.float32)
    variances = measure_variances(train, Preprocessing(mean, components, CONTRAST_FLOOR))
    return arrays | {"normalised_variances": variances}
