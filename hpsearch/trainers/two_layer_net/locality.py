"""Local first-layer weights: Gaussian windows at the start, a soft threshold during training.

Adjacent pixels are correlated, which a fully connected layer does not know; these two methods make
its weights local without removing a connection. Both operate on the weights in pixel space, also if
the net's inputs are components of an input transform.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["apply_soft_threshold", "apply_windows"]

Float32 = NDArray[np.float32]

# Units that are converted to pixel space at a time: 3 MB on CIFAR-10.
_N_UNITS = 256
_MIN_RADIUS = 0.25


def apply_windows(
    W1: Float32,
    directions: Float32 | None,
    image_shape: tuple[int, int, int],
    max_radius: float,
    rng: np.random.Generator,
) -> None:
    """Multiply each unit's weights by a Gaussian window in pixel space, in place.

    A window is centred anywhere in the image, with a standard deviation from ``max_radius / 2`` to
    `max_radius`, uniform in the logarithm. The norm of each unit's weights is preserved.

    Parameters
    ----------
    W1 : float32 array, shape (n_inputs, H)
        First weights.
    directions : float32 array, shape (D, n_inputs), or None
        Orthonormal columns: each input's direction in pixel space; None if inputs are pixels.
    image_shape : tuple of int
        Rows, columns, channels; their product is D.
    max_radius : float
        In pixels, above 0. Standard deviations are at least a quarter of a pixel, which leaves one
        pixel; in float32 all weights in a narrower window could be 0.
    rng : numpy.random.Generator
        Draws centres and radii.

    Notes
    -----
    McDonnell et al. 2015, "Fast, simple and accurate handwritten digit classification by
    training shallow neural network classifiers with the extreme learning machine algorithm",
    uses random weights in receptive fields.
    """
    n_rows, n_columns, n_channels = image_shape
    n_hidden: int = W1.shape[1]
    rows = _squared_distances(n_rows, n_rows * rng.random(n_hidden) - 0.5)
    columns = _squared_distances(n_columns, n_columns * rng.random(n_hidden) - 0.5)
    radii = np.maximum(max_radius * np.exp2(-rng.random(n_hidden)), _MIN_RADIUS)

    def look_through(pictures: Float32, units: slice) -> None:
        distances = rows[:, None, units] + columns[None, :, units]
        windows = np.exp(-distances / (2 * radii[units] ** 2)).astype(np.float32)
        pictures.reshape(n_rows, n_columns, n_channels, -1)[...] *= windows[:, :, None]

    norms = np.linalg.norm(W1, axis=0)
    _change_pictures(W1, directions, look_through)
    W1 *= norms / np.linalg.norm(W1, axis=0)


def apply_soft_threshold(W1: Float32, directions: Float32 | None, share: float) -> None:
    """Soft-threshold the weights in pixel space by `share` of their mean magnitude, in place.

    Parameters
    ----------
    W1, directions
        See `apply_windows`.
    share : float
        Threshold, relative to the mean absolute weight of each group of 256 units.

    Notes
    -----
    The proximal step of an L1 penalty (Parikh & Boyd 2014, "Proximal algorithms", section
    6.5.2). Neyshabur 2020, "Towards learning convolutions from scratch", found that a sparse
    first layer of a fully connected net becomes local, and that it generalises better.
    """

    def shrink(pictures: Float32, units: slice) -> None:
        del units
        sizes = np.abs(pictures)
        sizes -= np.float32(share) * sizes.mean()
        np.maximum(sizes, 0, out=sizes)
        np.copysign(sizes, pictures, out=pictures)

    _change_pictures(W1, directions, shrink)


def _squared_distances(n: int, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances of `n` rows or columns of pixels from each centre: shape (n, H)."""
    return np.square(np.arange(n)[:, None] - centres)


def _change_pictures(
    W1: Float32, directions: Float32 | None, change: Callable[[Float32, slice], None]
) -> None:
    for start in range(0, W1.shape[1], _N_UNITS):
        units = slice(start, start + _N_UNITS)
        weights = W1[:, units]
        pictures = np.ascontiguousarray(weights if directions is None else directions @ weights)
        change(pictures, units)
        weights[...] = pictures if directions is None else directions.T @ pictures
