"""Batches of inputs, drawn into buffers that are used again and again."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Split, WaveProjection
from hpsearch.training.augmentation import Augmentation

__all__ = ["BatchReader"]

NO_AUGMENTATION = Augmentation()


class BatchReader:
    """Reads the inputs of any training images, ready for the net.

    Parameters
    ----------
    split : Split
        Its training rows may be mapped from disk.
    batch_size : int
        Rows at a time at most.
    augmentation : Augmentation, optional
        What happens to images first; the split's rows must then be pixels.
    """

    def __init__(
        self, split: Split, batch_size: int, augmentation: Augmentation = NO_AUGMENTATION
    ) -> None:
        self._rows = split.train_rows
        self._image_shape = split.image_shape
        self._preprocessing = split.preprocessing
        self._augmentation = augmentation
        self._scales = split.scales
        n, n_inputs = min(batch_size, len(self._rows)), split.preprocessing.n_inputs
        self._drawn = np.empty((n, self._rows.shape[1]), self._rows.dtype)
        self._inputs = np.empty((n, n_inputs), np.float32)
        self._is_raw = self._rows.dtype == np.uint8
        # The same product with the components as the preprocessing's, but quicker.
        self._project = WaveProjection(split.waves) if self._is_raw and split.waves else None
        self._products = np.empty((n, len(split.waves.down) if split.waves else 0), np.float32)
        self._pixels = np.empty(self._drawn.shape if self._is_raw else (0, 0), np.float32)

    def __call__(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        """The inputs of the images `numbers`, shape (n, n_inputs); valid until the next call.

        Quickest if `numbers` ascend: neighbours on disk are then read one after the other.
        """
        drawn = self._drawn[: len(numbers)]
        # mode="clip" lets take write straight into `out`; the default buffers for safety.
        np.take(self._rows, numbers, axis=0, out=drawn, mode="clip")
        if not self._is_raw:
            return self._scale(drawn)
        if self._augmentation.changes_anything:
            images = drawn.reshape(-1, *self._image_shape)
            drawn = self._augmentation(images, rng).reshape(drawn.shape)
        return self._prepare(drawn)

    def _scale(self, products: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of products with all components to inputs."""
        if self._scales is None:
            return products
        inputs = self._inputs[: len(products)]
        return np.multiply(products[:, : inputs.shape[1]], self._scales, out=inputs)

    def _prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw pixels to inputs: what `Preprocessing.apply` does."""
        pixels = self._pixels[: len(images)]
        # Cast, then subtract: one mixed pass would go through NumPy's small buffers.
        np.copyto(pixels, images)
        self._preprocessing.centre(pixels)
        if self._project:
            products = self._products[: len(images)]
            self._project(pixels, products)
            return self._scale(products)
        return self._preprocessing.project(pixels, out=self._inputs[: len(images)])
