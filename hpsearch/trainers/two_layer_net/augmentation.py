"""Label-preserving augmentation of images: horizontal flip, shift and cutout."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled

__all__ = ["Augmentation"]

Images = NDArray[np.uint8]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Augmentation:
    """Random changes of training images, drawn anew in each epoch.

    Parameters
    ----------
    mirror : float
        Probability of a horizontal flip.
    max_shift : int
        Each image is shifted by -max_shift to max_shift pixels, down and to the right; its border
        is reflected.
    cutout : int
        Side of a square, centred on a random pixel, in which an image is replaced by `filling`; 0
        for none. DeVries & Taylor 2017.
    filling : uint8 array, shape (H, W, C), optional
        The mean image; needed for `cutout`.
    """

    horizontal_flip: float = 0.0
    max_shift: int = 0
    cutout: int = 0
    filling: Images | None = None

    @property
    def changes_anything(self) -> bool:
        """Whether any change is enabled."""
        return bool(self.horizontal_flip or self.max_shift or self.cutout)

    def __call__(
        self, images: Images, numbers: Numbers, rng: np.random.Generator, out: Images
    ) -> None:
        """Write changed copies of some images to `out`.

        Parameters
        ----------
        images : uint8 array, shape (N, H, W, C)
            All images.
        numbers : int64 array, shape (n,)
            Indices of the images to change.
        rng : numpy.random.Generator
            Draws the changes.
        out : uint8 array, shape (n, H, W, C)
            Overwritten.
        """
        n, (height, width) = len(numbers), out.shape[1:3]
        down, right = np.zeros((2, n), np.int64)
        mirrored = np.zeros(n, np.bool_)
        if self.max_shift:
            down, right = rng.integers(-self.max_shift, self.max_shift + 1, (2, n))
        if self.horizontal_flip:
            np.less(rng.random(n), self.horizontal_flip, out=mirrored)
        _shift_and_mirror(images, numbers, down, right, mirrored, out)
        if self.cutout and self.filling is not None:
            rows, columns = rng.integers(0, height, n), rng.integers(0, width, n)
            _cut_out(out, rows, columns, self.cutout, self.filling)


@compiled("int64(int64, int64)")
def _reflect(place: int, length: int) -> int:
    """Map an index beyond the ends of `length` pixels into them, by reflection at the ends."""
    place = abs(place) % max(1, 2 * (length - 1))
    return min(place, 2 * (length - 1) - place)


@compiled(
    "void(Array(uint8, 4, 'C', readonly=True), int64[::1], int64[::1], int64[::1], boolean[::1],"
    " uint8[:, :, :, ::1])"
)
def _shift_and_mirror(
    images: Images,
    numbers: Numbers,
    down: Numbers,
    right: Numbers,
    mirrored: NDArray[np.bool_],
    out: Images,
) -> None:
    """Shift each image, its border reflected, and flip it where `mirrored` is set."""
    n, height, width, n_channels = out.shape
    columns = np.empty(width, np.uint32)
    for i in range(n):
        for j in range(width):
            columns[width - 1 - j if mirrored[i] else j] = _reflect(j - right[i], width)
        image = images[numbers[i]]
        for row in range(height):
            line, target = image[_reflect(row - down[i], height)], out[i, row]
            for channel in range(n_channels):
                for j in range(width):
                    target[j, channel] = line[columns[j], channel]


@compiled(
    "void(uint8[:, :, :, ::1], int64[::1], int64[::1], int64, Array(uint8, 3, 'C', readonly=True))"
)
def _cut_out(images: Images, rows: Numbers, columns: Numbers, side: int, filling: Images) -> None:
    """Replace a square around a pixel of each image by the same pixels of `filling`."""
    n, height, width, _ = images.shape
    for i in range(n):
        top, left = rows[i] - side // 2, columns[i] - side // 2
        left, right = max(0, left), min(width, left + side)
        for row in range(max(0, top), min(height, top + side)):
            target = images[i, row, left:right].reshape(-1)
            source = filling[row, left:right].reshape(-1)
            for j in range(len(target)):
                target[j] = source[j]
