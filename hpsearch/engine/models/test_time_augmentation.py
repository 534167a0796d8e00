"""Test-time augmentation: predictions averaged over flipped and shifted copies of an image."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TestTimeAugmentation"]


@dataclass(frozen=True)
class TestTimeAugmentation:
    """The copies of an image that predictions are averaged over, the image itself included.

    Parameters
    ----------
    horizontal_flip : bool
        Whether each copy is also flipped horizontally.
    max_shift : int
        All shifts by up to `max_shift` pixels in each direction are included.
    """

    horizontal_flip: bool = True
    max_shift: int = 0

    def make(self, images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """Yield each copy of all `images`, uint8 of shape (N, H, W, C), in turn."""
        border, (height, width) = self.max_shift, images.shape[1:3]
        padded = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), "reflect")
        shifts = range(-border, border + 1)
        for down, right in itertools.product(shifts, shifts):
            top, left = border - down, border - right
            view = padded[:, top : top + height, left : left + width]
            yield view
            if self.horizontal_flip:
                yield view[:, :, ::-1]
