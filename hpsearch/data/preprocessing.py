"""From raw pixels to what a net is fed, and from its first weights back to pixels."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTRAST_FLOOR", "Contrast", "InputSettings", "Preprocessing"]

# Added to the variance of an image's pixels, so that a blank one does not blow up. The value for
# pixels from 0 to 255 of Coates & Ng 2012, "Learning feature representations with k-means".
CONTRAST_FLOOR = 10.0


Contrast: TypeAlias = Literal["none", "global", "per_image"]


@dataclass(frozen=True)
class InputSettings:
    """What is made of an image before the first layer, where a study leaves a choice.

    Parameters
    ----------
    contrast : str
        ``none``; ``global``: all pixels over the standard deviation of one; ``per_image``: each
        image less its mean, over its own standard deviation.
    n_components : int
        Components to keep, strongest first; 0 for all.
    whitening : float
        Power p: each component is divided by ``(variance + ridge) ** p``; 0 leaves it.
    ridge : float
        See there; in mean pixel variances.
    """

    contrast: Contrast = "none"
    n_components: int = 0
    whitening: float = 0.0
    ridge: float = 0.1


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the first layer; fitted on training images alone.

    Parameters
    ----------
    mean_image : float32 array, shape (D,)
        Subtracted from every image.
    components : float32 array, shape (D, K), optional
        Orthogonal columns. With them a net is fed K products of the centred image and the
        columns; without them the D centred pixels.
    contrast_floor : float, optional
        With it, first of all, each image is normalised: less the mean of its pixels, over
        ``sqrt(variance + contrast_floor)``.
    """

    mean_image: NDArray[np.float32]
    components: NDArray[np.float32] | None = None
    contrast_floor: float | None = None

    @property
    def n_pixels(self) -> int:
        """D, the values of a raw image."""
        return self.mean_image.size

    @property
    def n_inputs(self) -> int:
        """What a net is fed for each image: K values, or D."""
        return self.n_pixels if self.components is None else self.components.shape[1]

    @property
    def directions(self) -> NDArray[np.float32] | None:
        """Components of length 1, shape (D, K): the picture that each input stands for."""
        if self.components is None:
            return None
        lengths: NDArray[np.float32] = np.linalg.norm(self.components, axis=0)
        return self.components / lengths

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn raw images, uint8 of shape (N, D), into inputs, shape (N, n_inputs)."""
        return self.project(self.centre(images.astype(np.float32)))

    def centre(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """All of `apply` but the components, in place: `pixels`, shape (N, D), are overwritten."""
        if self.contrast_floor is not None:
            normalise_contrast(pixels, self.contrast_floor)
        pixels -= self.mean_image
        return pixels

    def project(
        self, centred: NDArray[np.float32], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """The rest of `apply`: inputs, shape (N, n_inputs), of `centred` pixels, shape (N, D)."""
        return centred if self.components is None else np.matmul(centred, self.components, out=out)

    def to_pixels(self, W1: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weights, shape (D, H), that do to centred pixels what `W1` does to inputs."""
        return W1 if self.components is None else self.components @ W1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that there are, by name: part of every net's identity."""
        arrays: dict[str, NDArray[Any]] = {"mean_image": self.mean_image}
        if self.components is not None:
            arrays["components"] = self.components
        if self.contrast_floor is not None:
            arrays["contrast_floor"] = np.array([self.contrast_floor], np.float32)
        return arrays


def normalise_contrast(pixels: NDArray[np.float32], floor: float) -> None:
    """Give each row of `pixels`, shape (N, D), mean 0 and nearly variance 1, in place."""
    pixels -= pixels.mean(axis=1, keepdims=True)
    variances = np.einsum("ij,ij->i", pixels, pixels) / np.float32(pixels.shape[1])
    pixels *= (1 / np.sqrt(variances + np.float32(floor)))[:, None]
