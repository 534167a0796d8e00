"""Prediction with a trained net: the same arithmetic for validation, test and use."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Preprocessing, TargetScale
from hpsearch.net import Parameters

__all__ = ["classify", "predict", "predict_labels", "score"]

# Images at a time; limits memory.
_CHUNK = 1000


def predict_labels(
    net: Parameters, images: NDArray[np.uint8], preprocessing: Preprocessing
) -> NDArray[np.int64]:
    """Predict the class of each image: that with the largest score.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,).
    images : uint8 array, shape (N, D)
        Raw pixels.
    preprocessing : Preprocessing
        From pixels to the net's inputs.

    Returns
    -------
    int64 array, shape (N,)
        In [0, C).
    """
    chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
    labels = [classify(net, preprocessing.apply(chunk)) for chunk in chunks]
    return np.concatenate(labels) if labels else np.empty(0, np.int64)


def predict(
    net: Parameters, inputs: NDArray[np.float32], target_scale: TargetScale | None
) -> NDArray[np.int64] | NDArray[np.float64]:
    """Predict the target of each row of `inputs`, shape (N, n_inputs).

    Returns labels, or, with the `target_scale` of a regression, numbers in the target's units.
    """
    if target_scale is None:
        return classify(net, inputs)
    return target_scale.invert(score(net, inputs))


def classify(net: Parameters, inputs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Predict the class of each row of `inputs`, shape (N, n_inputs)."""
    labels: NDArray[np.int64] = score(net, inputs).argmax(axis=1)
    return labels


def score(net: Parameters, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unnormalised class scores of each row of `inputs`, shape (N, C)."""
    hidden = inputs @ net["W1"]
    hidden += net["b1"]
    np.maximum(hidden, 0, out=hidden)
    scores: NDArray[np.float32] = hidden @ net["W2"]
    scores += net["b2"]
    return scores
