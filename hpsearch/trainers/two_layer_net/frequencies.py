"""Discrete cosine transform (DCT) of images: an input transform with a fixed, separable basis.

The principal components of photographs are close to waves across the image, in brightness first
and in colour differences after it. The waves used here are the DCT-II of Ahmed, Natarajan and
Rao 1974, and the colour mixes those of Ohta, Kanade and Sakai 1980, "Color information for region
segmentation". Only the variance of the training images along each of them is measured. As each
basis function is a vertical wave times a horizontal wave times a colour mix, images are
transformed by two small matrix products instead of a large one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hpsearch.trainers.two_layer_net.basis import Frequencies

__all__ = ["WaveProjection", "Waves", "choose_frequencies"]

# Evenly spaced training images that the variances are measured on.
_N_MEASURED = 2_500
# Images transformed at a time, so that intermediate results stay in the CPU cache.
_CHUNK = 50


@dataclass(frozen=True)
class Waves:
    """Selected basis functions of the DCT of images of one shape.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width, colours, whose product is D.
    down, across, colours : int64 array, shape (K,)
        For each, the half periods from top to bottom and from left to right, and the index of its
        colour mix: brightness, red minus blue, twice green minus both; a single channel unless
        there are three.
    """

    image_shape: tuple[int, int, int]
    down: NDArray[np.int64]
    across: NDArray[np.int64]
    colours: NDArray[np.int64]

    def make_components(self) -> NDArray[np.float32]:
        """Return the waves as orthonormal columns over pixels, shape (D, K)."""
        height, width, n_colours = self.image_shape
        waves: NDArray[np.float64] = np.einsum(
            "ik,jk,ck->ijck",
            _make_waves(height)[:, self.down],
            _make_waves(width)[:, self.across],
            _mix_colours(n_colours)[:, self.colours],
        )
        return np.asarray(waves.reshape(-1, len(self.down)), np.float32)

    def project(
        self, images: NDArray[np.uint8], mean_image: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return the coordinates of centred `images`, (N, D), along the waves: shape (N, K)."""
        mean, transform = mean_image.astype(np.float32), WaveProjection(self)
        projected = np.empty((len(images), len(self.down)), np.float32)
        with threadpool_limits(1):
            for start in range(0, len(images), _CHUNK):
                chunk = slice(start, start + _CHUNK)
                centred = images[chunk].astype(np.float32)
                centred -= mean
                transform(centred, projected[chunk])
        return projected


class WaveProjection:
    """Product with `Waves.make_components`, computed as two small matrix products.

    Parameters
    ----------
    waves : Waves
        The K waves to project images on.
    """

    def __init__(self, waves: Waves) -> None:
        height, width, n_colours = waves.image_shape
        rows, row_of = np.unique(waves.down, return_inverse=True)
        columns, column_of = np.unique(
            waves.across * n_colours + waves.colours, return_inverse=True
        )
        lines = np.kron(_make_waves(width), _mix_colours(n_colours))
        self._height = height
        self._to_rows = np.ascontiguousarray(_make_waves(height)[:, rows].T, np.float32)
        self._to_columns = lines[:, columns].astype(np.float32)
        self._picked = row_of * len(columns) + column_of

    def __call__(self, centred: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Write the coordinates of `centred` images, shape (n, D), into `out`, shape (n, K)."""
        for start in range(0, len(centred), _CHUNK):
            part = centred[start : start + _CHUNK]
            # Distinct horizontal waves and colours first, then distinct vertical waves; of all
            # their combinations, the K waves are picked.
            lines = part.reshape(-1, len(self._to_columns)) @ self._to_columns
            planes = self._to_rows @ lines.reshape(len(part), self._height, -1)
            np.take(
                planes.reshape(len(part), -1),
                self._picked,
                axis=1,
                out=out[start : start + _CHUNK],
                mode="clip",  # the default would buffer `out`
            )


def choose_frequencies(
    images: NDArray[np.uint8],
    mean_image: NDArray[np.float64],
    image_shape: tuple[int, int, int],
    wanted: Frequencies,
) -> tuple[Waves, NDArray[np.float32]]:
    """Choose the waves along which `images` have the largest variance, in descending order.

    Parameters
    ----------
    images : uint8 array, shape (N, D)
        Training images; about 2,500 of them, evenly spaced, are measured.
    mean_image : float64 array, shape (D,)
        Their mean.
    image_shape : tuple of int
        Height, width, colours.
    wanted : Frequencies
        Number of waves, at most D.

    Returns
    -------
    waves : Waves
        The same on equal machines, whatever number of threads BLAS uses elsewhere.
    variances : float32 array, shape (K,)
        Variance of the images along each, in mean variances of a pixel.
    """
    down, across, colours = np.indices(image_shape).reshape(3, -1)
    sample = images[:: max(1, len(images) // _N_MEASURED)]
    coordinates = Waves(image_shape, down, across, colours).project(sample, mean_image)
    np.square(coordinates, out=coordinates)
    squares: NDArray[np.float64] = coordinates.mean(axis=0, dtype=np.float64)
    strongest = np.argsort(-squares, kind="stable")[: wanted.count]
    # The waves are orthonormal: the mean variance along them is that of the pixels.
    variances = (squares[strongest] / (squares.mean() or 1.0)).astype(np.float32)
    return Waves(image_shape, down[strongest], across[strongest], colours[strongest]), variances


def _make_waves(n_pixels: int) -> NDArray[np.float64]:
    """Return the DCT-II basis as orthonormal columns, lowest frequency first: shape (n, n)."""
    # scipy.fft.dct(np.eye(n_pixels), norm="ortho"), but importing that takes a quarter of a second.
    half_periods, middles = np.arange(n_pixels), np.arange(n_pixels) + 0.5
    waves: NDArray[np.float64] = np.cos(np.pi / n_pixels * middles[:, None] * half_periods)
    waves *= np.sqrt(2 / n_pixels)
    waves[:, 0] /= np.sqrt(2)
    return waves


def _mix_colours(n_colours: int) -> NDArray[np.float64]:
    """Return the colour mixes as orthonormal columns, brightness first: shape (n, n)."""
    if n_colours != 3:
        return np.eye(n_colours)
    mixes = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]], np.float64)
    mixes /= np.linalg.norm(mixes, axis=1, keepdims=True)
    return mixes.T
