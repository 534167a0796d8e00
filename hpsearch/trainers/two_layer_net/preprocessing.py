"""Preprocessing of raw pixels into a net's inputs, and of first-layer weights back to pixels."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTRAST_FLOOR", "Contrast", "InputSettings", "Preprocessing"]

# Added to the variance of an image's pixels, so that a constant image is not divided by 0. Value
# for pixels from 0 to 255: Coates & Ng 2012, "Learning feature representations with k-means".
CONTRAST_FLOOR = 10.0


Contrast: TypeAlias = Literal["none", "global", "per_image"]


@dataclass(frozen=True)
class InputSettings:
    """Hyperparameters of the preprocessing: contrast, components and whitening.

    Parameters
    ----------
    contrast : str
        ``none``; ``global``: divide all pixels by their common standard deviation; ``per_image``:
        subtract the mean of each image and divide by its standard deviation.
    n_components : int
        Components to keep, those of largest variance; 0 for all.
    whitening : float
        Power p: each component is divided by ``(variance + ridge) ** p``; 0 for none.
    ridge : float
        Added to the variances for whitening; in mean variances of a pixel.
    """

    contrast: Contrast = "none"
    n_components: int = 0
    whitening: float = 0.0
    ridge: float = 0.1


@dataclass(frozen=True)
class Preprocessing:
    """Map from raw pixels to a net's inputs; fitted on training images alone.

    Parameters
    ----------
    mean_image : float32 array, shape (D,)
        Subtracted from every image.
    components : float32 array, shape (D, K), optional
        Orthogonal columns. With them the inputs are the K products of the centred image and the
        columns; without them, the D centred pixels.
    contrast_floor : float, optional
        If given, the contrast of each image is normalised first: minus the mean of its pixels,
        divided by ``sqrt(variance + contrast_floor)``.
    """

    mean_image: NDArray[np.float32]
    components: NDArray[np.float32] | None = None
    contrast_floor: float | None = None

    @property
    def n_pixels(self) -> int:
        """D, the number of values of a raw image."""
        return self.mean_image.size

    @property
    def n_inputs(self) -> int:
        """Number of inputs for each image: K, or D without components."""
        return self.n_pixels if self.components is None else self.components.shape[1]

    @property
    def directions(self) -> NDArray[np.float32] | None:
        """Components of unit length, shape (D, K): the image pattern of each input."""
        if self.components is None:
            return None
        lengths: NDArray[np.float32] = np.linalg.norm(self.components, axis=0)
        return self.components / lengths

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn raw images, uint8 of shape (N, D), into inputs, shape (N, n_inputs)."""
        return self.project(self.centre(images.astype(np.float32)))

    def centre(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise contrast and subtract the mean image; `pixels`, (N, D), are overwritten."""
        if self.contrast_floor is not None:
            normalise_contrast(pixels, self.contrast_floor)
        pixels -= self.mean_image
        return pixels

    def project(
        self, centred: NDArray[np.float32], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Project `centred` pixels, shape (N, D), on the components: shape (N, n_inputs)."""
        return centred if self.components is None else np.matmul(centred, self.components, out=out)

    def to_pixels(self, W1: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weights for centred pixels, shape (D, H), equivalent to `W1` for inputs."""
        return W1 if self.components is None else self.components @ W1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fitted arrays by name; they are part of every net's identity."""
        arrays: dict[str, NDArray[Any]] = {"mean_image": self.mean_image}
        if self.components is not None:
            arrays["components"] = self.components
        if self.contrast_floor is not None:
            arrays["contrast_floor"] = np.array([self.contrast_floor], np.float32)
        return arrays


def normalise_contrast(pixels: NDArray[np.float32], floor: float) -> None:
    """Scale each row of `pixels`, shape (N, D), to mean 0 and variance about 1, in place."""
    pixels -= pixels.mean(axis=1, keepdims=True)
    variances = np.einsum("ij,ij->i", pixels, pixels) / np.float32(pixels.shape[1])
    pixels *= (1 / np.sqrt(variances + np.float32(floor)))[:, None]
