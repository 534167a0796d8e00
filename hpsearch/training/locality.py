"""First weights that look at one part of the image: windows to begin with, a threshold later.

What lies close together in an image belongs together. A fully connected layer is not told; these
two tell it without taking a connection away. Both work on the weights as a picture, whatever
basis the net is fed in.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["apply_soft_threshold", "apply_windows"]

Float32 = NDArray[np.float32]

# Units whose pictures are in memory at a time: 3 MB on CIFAR-10.
_N_UNITS = 256
_MIN_RADIUS = 0.25


def apply_windows(
    W1: Float32,
    directions: Float32 | None,
    image_shape: tuple[int, int, int],
    max_radius: float,
    rng: np.random.Generator,
) -> None:
    """Let each unit see its weights' picture through a Gaussian window, in place.

    A window has its centre anywhere in the image and a standard deviation from
    ``max_radius / 2`` to `max_radius`, evenly in the logarithm. The unit's norm stays.

    Parameters
    ----------
    W1 : float32 array, shape (n_inputs, H)
        First weights.
    directions : float32 array, shape (D, n_inputs), or None
        Orthonormal columns: the picture that each input stands for; None if inputs are pixels.
    image_shape : tuple of int
        Rows, columns, channels; their product is D.
    max_radius : float
        In pixels, above 0. No window's standard deviation is below a quarter of a pixel, which
        leaves one pixel; float32 could not tell the weights of a narrower one from 0.
    rng : numpy.random.Generator
        Draws centres and radii.

    Notes
    -----
    McDonnell et al. 2015, "Fast, simple and accurate handwritten digit classification by
    training shallow neural network classifiers with the extreme learning machine algorithm",
    has random weights in receptive fields.
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
    """Pull each weight of the pictures towards 0 by `share` of their mean size, in place.

    Parameters
    ----------
    W1, directions
        See `apply_windows`.
    share : float
        Of the mean absolute weight of 256 units' pictures.

    Notes
    -----
    The proximal step of an L1 penalty (Parikh & Boyd 2014, "Proximal algorithms", section
    6.5.2). Neyshabur 2020, "Towards learning convolutions from scratch", found that a sparse
    first layer of a fully connected net becomes a local one, and generalises better.
    """

    def shrink(pictures: Float32, units: slice) -> None:
        del units
        sizes = np.abs(pictures)
        sizes -= np.float32(share) * sizes.mean()
        np.maximum(sizes, 0, out=sizes)
        np.copysign(sizes, pictures, out=pictures)

    _change_pictures(W1, directions, shrink)


def _squared_distances(n: int, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances of `n` lines of pixels from each centre: shape (n, H)."""
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
