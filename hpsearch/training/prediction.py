"""Predicting with a trained net: the same arithmetic for validation, test and use."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.net import Parameters

__all__ = ["predict_labels"]


def predict_labels(
    net: Parameters,
    images: NDArray[np.uint8],
    mean_image: NDArray[np.float32],
    *,
    chunk_size: int = 1000,
) -> NDArray[np.int64]:
    """The class with the largest score for each image.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
    images : uint8 array, shape (N, D)
        Raw pixels.
    mean_image : float32 array, shape (D,)
        Subtracted from every image.
    chunk_size : int
        Images scored at a time; bounds the memory.

    Returns
    -------
    int64 array, shape (N,)
        In [0, C).
    """
    labels = np.empty(len(images), np.int64)
    for start in range(0, len(images), chunk_size):
        chunk = slice(start, start + chunk_size)
        hidden = np.subtract(images[chunk], mean_image, dtype=np.float32) @ net["W1"] + net["b1"]
        scores = np.maximum(hidden, 0, out=hidden) @ net["W2"] + net["b2"]
        labels[chunk] = scores.argmax(axis=1)
    return labels
