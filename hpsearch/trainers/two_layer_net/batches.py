"""Batches of training inputs, written to buffers that are reused."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.augmentation import Augmentation
from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.frequencies import WaveProjection
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from hpsearch.trainers.two_layer_net.products import (
    CAN_MULTIPLY_BYTES,
    MOST_BYTES,
    Blocks,
    PackedPixels,
    zeros,
)
from hpsearch.trainers.two_layer_net.split import Split

__all__ = ["BatchReader", "PixelReader", "make_reader"]

Float32 = NDArray[np.float32]
Numbers = NDArray[np.int64]
Pixels = NDArray[np.uint8]

NO_AUGMENTATION = Augmentation()
# For rows that are the net's inputs already.
NO_PREPROCESSING = Preprocessing(np.zeros(0, np.float32))
# Number of pixels from which on integer products are faster.
_WORTH_PACKING = 1024


class BatchReader:
    """Reads the inputs of training examples as float32, preprocessed for the net.

    Parameters
    ----------
    split : Split
        Its training rows may be memory-mapped.
    batch_size : int
        Largest number of rows in a batch.
    augmentation : Augmentation, optional
        Applied to images first; the split's rows must then be pixels.
    """

    def __init__(
        self, split: Split, batch_size: int, augmentation: Augmentation = NO_AUGMENTATION
    ) -> None:
        self._rows: NDArray[Any] = split.train_rows
        n_inputs = split.preprocessing.n_inputs
        self._ones = np.ones(n_inputs, np.float32)
        self._scales = self._ones if split.scales is None else split.scales
        self._is_raw = self._rows.dtype == np.uint8
        self._preprocessing = split.image_preprocessing if self._is_raw else NO_PREPROCESSING
        # The preprocessing's product with all components, but faster.
        self._project = WaveProjection(split.waves) if self._is_raw and split.waves else None
        n = min(batch_size, len(self._rows))
        n_pixels = self._preprocessing.n_pixels
        self._draw_images = _ImageDrawer(split, n, augmentation) if self._is_raw else None
        self._all = np.arange(n)
        self._pixels = np.empty((n, n_pixels), np.float32)
        self._products = np.empty((n, len(split.waves.down) if split.waves else 0), np.float32)
        self._projected = np.empty((n, n_inputs), np.float32)
        self._blocks = Blocks(n_inputs)
        self._buffer = zeros((n * self._blocks.count * self._blocks.size,))

    def __call__(self, numbers: Numbers, rng: np.random.Generator) -> Float32:
        """Return the inputs of examples `numbers` in blocks, (B, n, K); valid until the next call.

        Fastest if `numbers` ascend: adjacent rows on disk are then read one after the other.
        """
        if self._draw_images is None:
            return self._scale(self._rows, numbers, self._scales)
        return self._take_in(*self._draw_images(numbers, rng))

    def _take_in(self, rows: Pixels, numbers: Numbers) -> Float32:
        """Preprocess the rows `numbers` of `rows`."""
        preprocessing = self._preprocessing
        if preprocessing.contrast_floor is None and preprocessing.components is None:
            inputs = self._view_buffer(len(numbers))
            _read_less(rows, numbers, preprocessing.mean_image, inputs)
            return inputs
        centred = self._centre(rows, numbers)
        if self._project:
            products = self._products[: len(numbers)]
            self._project(centred, products)
            return self._scale(products, self._all[: len(numbers)], self._scales)
        projected = preprocessing.project(centred, out=self._projected[: len(numbers)])
        return self._scale(projected, self._all[: len(numbers)], self._ones)

    def _view_buffer(self, n_images: int) -> Float32:
        shape = (self._blocks.count, n_images, self._blocks.size)
        return self._buffer[: math.prod(shape)].reshape(shape)

    def _centre(self, rows: Pixels, numbers: Numbers) -> Float32:
        """Apply all of `Preprocessing.apply` before its projection to the rows `numbers`."""
        pixels = self._pixels[: len(numbers)]
        if self._preprocessing.contrast_floor is None:
            _read_less(rows, numbers, self._preprocessing.mean_image, pixels[np.newaxis])
            return pixels
        pixels[...] = rows[numbers]
        return self._preprocessing.centre(pixels)

    def _scale(self, products: Float32, numbers: Numbers, scales: Float32) -> Float32:
        """Scale the first components of the rows `numbers` of `products`, in blocks."""
        inputs = self._view_buffer(len(numbers))
        _read_times(products, numbers, scales, inputs)
        return inputs


def make_reader(
    split: Split, setting: Hyperparameters, augmentation: Augmentation = NO_AUGMENTATION
) -> "BatchReader | PixelReader":
    """Return the faster reader of those that can read `split` for `setting`."""
    if split.train_rows.dtype != np.uint8:
        return BatchReader(split, setting.batch_size)
    preprocessing = split.image_preprocessing
    are_pixels_less_their_mean = (
        preprocessing.components is None
        and preprocessing.contrast_floor is None
        and not setting.mixup_alpha
        and not setting.input_dropout
    )
    are_quicker_in_whole_numbers = (
        CAN_MULTIPLY_BYTES
        and _WORTH_PACKING <= preprocessing.n_pixels <= MOST_BYTES
        and setting.batch_size <= MOST_BYTES
    )
    if are_pixels_less_their_mean and are_quicker_in_whole_numbers:
        return PixelReader(split, setting.batch_size, augmentation)
    return BatchReader(split, setting.batch_size, augmentation)


class PixelReader:
    """Reads raw images, augmented or not, for integer products.

    Parameters
    ----------
    split : Split
        Its training rows are pixels.
    batch_size : int
        Largest number of images in a batch.
    augmentation : Augmentation, optional
        Applied to images first.
    """

    def __init__(
        self, split: Split, batch_size: int, augmentation: Augmentation = NO_AUGMENTATION
    ) -> None:
        n = min(batch_size, len(split.train_rows))
        self._draw_images = _ImageDrawer(split, n, augmentation)
        self._mean_image = split.image_preprocessing.mean_image
        self._buffers: dict[int, PackedPixels] = {}

    def __call__(self, numbers: Numbers, rng: np.random.Generator) -> PackedPixels:
        """Return the images `numbers`, packed; valid until the next call.

        Fastest if `numbers` ascend.
        """
        n = len(numbers)
        if n not in self._buffers:
            self._buffers[n] = PackedPixels.allocate(n, self._mean_image)
        self._buffers[n].take(*self._draw_images(numbers, rng))
        return self._buffers[n]


class _ImageDrawer:
    """Selects training images and augments them if required: at most `n` at a time."""

    def __init__(self, split: Split, n: int, augmentation: Augmentation) -> None:
        self._rows: NDArray[Any] = split.train_rows
        assert split.image_shape is not None
        self._image_shape = split.image_shape
        self._augmentation = augmentation
        self._images = np.empty((n, *split.image_shape), np.uint8)
        self._all = np.arange(n)

    def __call__(self, numbers: Numbers, rng: np.random.Generator) -> tuple[Pixels, Numbers]:
        """Return rows of pixels, and the rows' indices of the images `numbers`."""
        if not self._augmentation.changes_anything:
            return self._rows, numbers
        images, n = self._images[: len(numbers)], len(numbers)
        originals = self._rows.reshape(-1, *self._image_shape)
        self._augmentation(originals, numbers, rng, out=images)
        return images.reshape(n, -1), self._all[:n]


@compiled("void(Array(uint8, 2, 'C', readonly=True), int64[::1], float32[::1], float32[:, :, ::1])")
def _read_less(rows: Pixels, numbers: Numbers, mean_image: Float32, out: Float32) -> None:
    """Copy the rows `numbers` less `mean_image`, in blocks."""
    size, n_inputs = out.shape[2], len(mean_image)
    for i in range(len(numbers)):
        row = rows[numbers[i]]
        for block in range(len(out)):
            part = slice(block * size, min((block + 1) * size, n_inputs))
            values, pixels, means = out[block, i], row[part], mean_image[part]
            for j in range(len(pixels)):
                values[j] = np.float32(pixels[j]) - means[j]
            values[len(pixels) :] = 0


@compiled(
    "void(Array(float32, 2, 'C', readonly=True), int64[::1], float32[::1], float32[:, :, ::1])"
)
def _read_times(rows: Float32, numbers: Numbers, scales: Float32, out: Float32) -> None:
    """Copy the first values of the rows `numbers`, each times its scale, in blocks."""
    size, n_inputs = out.shape[2], len(scales)
    for i in range(len(numbers)):
        row = rows[numbers[i]]
        for block in range(len(out)):
            part = slice(block * size, min((block + 1) * size, n_inputs))
            values, products, factors = out[block, i], row[part], scales[part]
            for j in range(len(products)):
                values[j] = products[j] * factors[j]
            values[len(products) :] = 0
