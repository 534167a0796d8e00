"""From raw pixels to what a net is fed, and from its first weights back to pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Preprocessing"]


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the first layer; fitted on training images alone.

    Parameters
    ----------
    mean_image : float32 array, shape (D,)
        Subtracted from every image.
    components : float32 array, shape (D, K), optional
        Orthonormal columns. With them a net is fed the K coordinates of the centred image
        along the columns; without them the D centred pixels.
    """

    mean_image: NDArray[np.float32]
    components: NDArray[np.float32] | None = None

    @property
    def n_pixels(self) -> int:
        """D, the values of a raw image."""
        return self.mean_image.size

    @property
    def n_inputs(self) -> int:
        """What a net is fed for each image: K values, or D."""
        return self.n_pixels if self.components is None else self.components.shape[1]

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn raw images, uint8 of shape (N, D), into inputs, shape (N, n_inputs)."""
        centred = np.subtract(images, self.mean_image, dtype=np.float32)
        return centred if self.components is None else centred @ self.components

    def to_pixels(self, W1: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weights, shape (D, H), that do to centred pixels what `W1` does to inputs."""
        return W1 if self.components is None else self.components @ W1

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that there are, by name: part of every net's identity."""
        arrays: dict[str, NDArray[Any]] = {"mean_image": self.mean_image}
        return arrays if self.components is None else arrays | {"components": self.components}
