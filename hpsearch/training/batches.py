"""Batches of inputs, drawn into one buffer that is used again and again."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Split

__all__ = ["BatchReader"]


class BatchReader:
    """Reads the inputs of any training images, ready for the net.

    Parameters
    ----------
    split : Split
        Its training rows may be mapped from disk.
    batch_size : int
        Rows at a time at most.
    """

    def __init__(self, split: Split, batch_size: int) -> None:
        self._rows = split.train_rows
        self._mean_image = split.preprocessing.mean_image
        shape = (min(batch_size, len(self._rows)), self._rows.shape[1])
        self._drawn = np.empty(shape, self._rows.dtype)
        self._is_raw = self._rows.dtype == np.uint8
        self._inputs = np.empty(shape, np.float32) if self._is_raw else self._drawn

    def __call__(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """The inputs of the images `numbers`, shape (n, n_inputs); valid until the next call.

        Quickest if `numbers` ascend: neighbours on disk are then read one after the other.
        """
        drawn, inputs = self._drawn[: len(numbers)], self._inputs[: len(numbers)]
        # mode="clip" lets take write straight into `out`; the default buffers for safety.
        np.take(self._rows, numbers, axis=0, out=drawn, mode="clip")
        if self._is_raw:
            # Cast, then subtract: one mixed pass would go through NumPy's small buffers.
            np.copyto(inputs, drawn)
            inputs -= self._mean_image
        return inputs
