"""Changing images as one would not mind at a glance: mirrored, shifted, partly covered."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Augmentation", "shift_images"]

Images = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Augmentation:
    """How training images are changed, anew each time they are drawn.

    Parameters
    ----------
    mirror : float
        Probability with which an image is mirrored, left to right.
    max_shift : int
        Each image is shifted by -max_shift to max_shift pixels, down and to the right.
    cutout : int
        Side of the square, around any pixel, in which an image is replaced by `filling`; 0 for
        none. DeVries & Taylor 2017.
    filling : uint8 array, shape (H, W, C), optional
        The mean image; needed for `cutout`.
    """

    mirror: float = 0.0
    max_shift: int = 0
    cutout: int = 0
    filling: Images | None = None

    @property
    def changes_anything(self) -> bool:
        """Whether any of it is on."""
        return bool(self.mirror or self.max_shift or self.cutout)

    def __call__(self, images: Images, rng: np.random.Generator) -> Images:
        """A changed copy of `images`, uint8 of shape (N, H, W, C)."""
        n, height, width, _ = images.shape
        if self.max_shift:
            down, right = rng.integers(-self.max_shift, self.max_shift + 1, (2, n))
            images = shift_images(images, down, right)
        else:
            images = images.copy()
        if self.mirror:
            mirrored = rng.random(n) < self.mirror
            # Reversed by a slice, pixels are copied one by one: that takes twice as long.
            images[mirrored] = images[mirrored].take(np.arange(width)[::-1], axis=2)
        if self.cutout and self.filling is not None:
            rows = self._draw_stretches(n, height, rng)[:, :, None]
            columns = self._draw_stretches(n, width, rng)[:, None, :]
            images[np.arange(n)[:, None, None], rows, columns] = self.filling[rows, columns]
        return images

    def _draw_stretches(self, n: int, length: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """For each image which of `length` pixels lie in a square's side, shape (n, cutout).

        What would lie outside is the outermost pixel again, which the square covers too.
        """
        first = rng.integers(0, length, n) - self.cutout // 2
        places: NDArray[np.int64] = first[:, None] + np.arange(self.cutout)
        return places.clip(0, length - 1)


def shift_images(images: Images, down: NDArray[np.int64], right: NDArray[np.int64]) -> Images:
    """Shift each image by its own way; what comes in at the border is reflected.

    Parameters
    ----------
    images : uint8 array, shape (N, H, W, C)
        Not changed.
    down, right : int64 array, shape (N,)
        Pixels; negative ones go up and left.

    Returns
    -------
    uint8 array, shape (N, H, W, C)
        A copy.
    """
    n, height, width, _ = images.shape
    border = int(max(np.abs(down).max(), np.abs(right).max())) if n else 0
    padded = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), "reflect")
    # Each window is an image at one shift: picking windows copies whole rows of pixels.
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))
    windows = np.moveaxis(windows, 3, 5)
    shifted: Images = windows[np.arange(n), border - down, border - right]
    return shifted
