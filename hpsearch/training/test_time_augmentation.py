"""Test-time augmentation: predictions averaged over flipped and shifted copies of an image."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Preprocessing
from hpsearch.net import Parameters, compute_scores

__all__ = ["TestTimeAugmentation", "predict_with_augmentation"]

# Images at a time; limits memory.
_CHUNK = 1000


@dataclass(frozen=True)
class TestTimeAugmentation:
    """The copies of an image that predictions are averaged over, the image itself included.

    Parameters
    ----------
    mirror : bool
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


def predict_with_augmentation(
    net: Parameters,
    images: NDArray[np.uint8],
    preprocessing: Preprocessing,
    augmentation: TestTimeAugmentation,
) -> NDArray[np.int64]:
    """Predict the class with the largest probability, averaged over all copies of an image.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,).
    images : uint8 array, shape (N, H, W, C)
        Raw pixels.
    preprocessing : Preprocessing
        From pixels to the net's inputs.
    augmentation : TestTimeAugmentation
        Copies to average over; time is proportional to their number.

    Returns
    -------
    int64 array, shape (N,)
        In [0, C).
    """
    chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
    labels = [
        np.sum(
            [_shares(net, preprocessing, view) for view in augmentation.make(chunk)], axis=0
        ).argmax(1)
        for chunk in chunks
    ]
    return np.concatenate(labels) if labels else np.empty(0, np.int64)


def _shares(
    net: Parameters, preprocessing: Preprocessing, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    scores = compute_scores(net, preprocessing.apply(images.reshape(len(images), -1)))
    shares: NDArray[np.float32] = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
