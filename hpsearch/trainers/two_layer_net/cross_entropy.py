"""Softmax cross-entropy of a batch and its gradient."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled

__all__ = ["differentiate_cross_entropy"]

Float32 = NDArray[np.float32]


def differentiate_cross_entropy(
    scores: Float32, targets: Float32, factor: np.float32, sums: Float32
) -> tuple[float, int]:
    """Compute the mean softmax cross-entropy; its gradient replaces `scores`.

    Parameters
    ----------
    scores : float32 array, shape (n, C)
        Unnormalised class scores; overwritten by n times the gradient, times `factor`.
    targets : float32 array, shape (n, C)
        Class probabilities, each row of sum 1.
    factor : float32
        What the gradient is multiplied by.
    sums : float32 array, shape (C,)
        Overwritten by the gradient's sum over the batch.

    Returns
    -------
    loss : float
        Batch mean, in nats; nan or inf if scores are.
    n_correct : int
        Rows in which the largest score is that of the most probable class.
    """
    true_scores = np.empty(len(scores), np.float32)
    n_correct = _subtract_largest(scores, targets, true_scores)
    np.exp(scores, out=scores)
    normalisers = scores.sum(axis=1)
    loss = _differentiate(scores, normalisers, targets, true_scores, factor, sums)
    return loss, n_correct


@compiled("int64(float32[:, ::1], float32[:, ::1], float32[::1])")
def _subtract_largest(scores: Float32, targets: Float32, true_scores: Float32) -> int:
    """Subtract each row's largest score, in place; return the number of correct rows.

    `true_scores` becomes each row's remaining scores, averaged with `targets` as weights.
    """
    n_correct = 0
    for i in range(len(scores)):
        answer = target = 0
        largest, share = scores[i, 0], targets[i, 0]
        for j in range(1, scores.shape[1]):
            if scores[i, j] > largest:
                largest, answer = scores[i, j], j
            if targets[i, j] > share:
                share, target = targets[i, j], j
        n_correct += answer == target
        true_score = np.float32(0)
        for j in range(scores.shape[1]):
            scores[i, j] -= largest
            true_score += targets[i, j] * scores[i, j]
        true_scores[i] = true_score
    return n_correct


@compiled(
    "float64(float32[:, ::1], float32[::1], float32[:, ::1], float32[::1], float32, float32[::1])"
)
def _differentiate(
    exponentials: Float32,
    normalisers: Float32,
    targets: Float32,
    true_scores: Float32,
    factor: np.float32,
    sums: Float32,
) -> float:
    """Return the mean cross-entropy; turn `exponentials` into n times its gradient times `factor`.

    The gradient's sum over the batch is written to `sums`.
    """
    sums[:] = 0
    loss = 0.0
    for i in range(len(exponentials)):
        loss += np.log(normalisers[i]) - true_scores[i]
        for j in range(len(sums)):
            gradient = (exponentials[i, j] / normalisers[i] - targets[i, j]) * factor
            exponentials[i, j] = gradient
            sums[j] += gradient
    return loss / len(exponentials)
