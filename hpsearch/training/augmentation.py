"""Changing images as one would not mind at a glance: mirrored, shifted, partly covered."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.training.compiling import compiled

__all__ = ["Augmentation"]

Images = NDArray[np.uint8]
Numbers = NDArray[np.int64]


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

    def __call__(
        self, images: Images, numbers: Numbers, rng: np.random.Generator, out: Images
    ) -> None:
        """Write changed copies of the images `numbers` into `out`.

        Parameters
        ----------
        images : uint8 array, shape (N, H, W, C)
            All of them.
        numbers : int64 array, shape (n,)
            Which.
        rng : numpy.random.Generator
            Draws the changes.
        out : uint8 array, shape (n, H, W, C)
            Where to.
        """
        n, (height, width) = len(numbers), out.shape[1:3]
        down, right = np.zeros((2, n), np.int64)
        mirrored = np.zeros(n, np.bool_)
        if self.max_shift:
            down, right = rng.integers(-self.max_shift, self.max_shift + 1, (2, n))
        if self.mirror:
            np.less(rng.random(n), self.mirror, out=mirrored)
        _shift_and_mirror(images, numbers, down, right, mirrored, out)
        if self.cutout and self.filling is not None:
            rows, columns = rng.integers(0, height, n), rng.integers(0, width, n)
            _cut_out(out, rows, columns, self.cutout, self.filling)


@compiled("int64(int64, int64)")
def _reflect(place: int, length: int) -> int:
    """Where in a line of `length` pixels, reflected at its ends, `place` is."""
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
    """Shift each image by its own way, its border reflected, then mirror it or not."""
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
    """Replace what lies in a square around a pixel of each image by what `filling` has there."""
    n, height, width, _ = images.shape
    for i in range(n):
        top, left = rows[i] - side // 2, columns[i] - side // 2
        left, right = max(0, left), min(width, left + side)
        for row in range(max(0, top), min(height, top + side)):
            target = images[i, row, left:right].reshape(-1)
            source = filling[row, left:right].reshape(-1)
            for j in range(len(target)):
                target[j] = source[j]
