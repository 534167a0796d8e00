"""Stochastic gradient descent on a two-layer net, one epoch at a time."""

import math
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Split
from hpsearch.net import Parameters
from hpsearch.training.epoch import Epoch, Hyperparameters
from hpsearch.training.prediction import predict_labels

__all__ = ["train"]

Float32 = NDArray[np.float32]


def train(
    net: Parameters,
    split: Split,
    hyperparameters: Hyperparameters,
    rng: np.random.Generator,
    *,
    completed_epochs: int = 0,
) -> Iterator[Epoch]:
    """Train `net` in place and yield each epoch as it ends.

    The caller records, prunes by leaving the loop, or goes on. `net` and `rng` are the whole
    state: saved after an epoch and passed in again with `completed_epochs`, training continues
    as if it had never stopped. The first epochs do not depend on how many are to come.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (D, H), b1 (H,), W2 (H, C), b2 (C,); changed in place.
    split : Split
        Training and validation images, uint8 rows of D pixels.
    hyperparameters : Hyperparameters
        The setting.
    rng : numpy.random.Generator
        Draws one permutation of the training images for each epoch.
    completed_epochs : int
        How many epochs `net` and `rng` have behind them.

    Yields
    ------
    Epoch
        The last one has `diverged` set if a loss was nan or inf.
    """
    learning_rate = hyperparameters.learning_rate
    for _ in range(completed_epochs):
        # Multiplied again rather than raised to a power: same rounding as in one go.
        learning_rate *= hyperparameters.learning_rate_decay
    step = _Step(net, split, hyperparameters)
    val_accuracy = _validate(net, split)
    for number in range(completed_epochs + 1, hyperparameters.epochs + 1):
        started = time.perf_counter()
        losses, hits = [], 0
        order = rng.permutation(len(split.train_images))
        for start in range(0, len(order), hyperparameters.batch_size):
            loss, n_correct = step(order[start : start + hyperparameters.batch_size], learning_rate)
            losses.append(loss)
            hits += n_correct
            if not math.isfinite(loss):
                break
        diverged = not math.isfinite(losses[-1])
        if not diverged:
            val_accuracy = _validate(net, split)
        yield Epoch(
            number=number,
            train_loss=float(np.mean(losses)),
            train_accuracy=hits / len(order),
            val_accuracy=val_accuracy,
            learning_rate=learning_rate,
            duration_s=time.perf_counter() - started,
            ended_at=time.time(),
            iteration_losses=tuple(losses),
            diverged=diverged,
        )
        if diverged:
            return
        learning_rate *= hyperparameters.learning_rate_decay


def _validate(net: Parameters, split: Split) -> float:
    predicted = predict_labels(net, split.validation_images, split.mean_image)
    return float(np.mean(predicted == split.validation_labels))


class _Step:
    """One SGD step: the arithmetic of `hpsearch.net`, without a new array in sight."""

    def __init__(self, net: Parameters, split: Split, hyperparameters: Hyperparameters) -> None:
        n_rows = min(hyperparameters.batch_size, len(split.train_images))
        n_inputs, n_hidden = net["W1"].shape
        n_classes = net["W2"].shape[1]
        self._net = net
        self._split = split
        self._reg = hyperparameters.reg
        self._pixels = np.empty((n_rows, n_inputs), split.train_images.dtype)
        self._inputs = np.empty((n_rows, n_inputs), np.float32)
        self._hidden = np.empty((n_rows, n_hidden), np.float32)
        self._active = np.empty((n_rows, n_hidden), np.bool_)
        self._dhidden = np.empty((n_rows, n_hidden), np.float32)
        self._scores = np.empty((n_rows, n_classes), np.float32)
        self._dW1 = np.empty_like(net["W1"])
        self._dW2 = np.empty_like(net["W2"])

    def __call__(self, rows: NDArray[np.int64], learning_rate: float) -> tuple[float, int]:
        """Update the net on the training images `rows`; loss before it, and hits."""
        n = len(rows)
        with np.errstate(all="ignore"):  # a diverging run is seen by its loss
            inputs = self._gather(rows)
            labels = self._split.train_labels[rows]
            hidden, scores = self._forward(inputs)
            n_correct = int(np.count_nonzero(scores.argmax(axis=1) == labels))
            loss = self._softmax(scores, labels) + self._penalty()
            # From here on gradients carry the learning rate: scaling (n, C) numbers now
            # saves a pass over all of W1 later.
            scores *= np.float32(learning_rate / n)
            self._update(inputs, hidden, scores, np.float32(1 - 2 * learning_rate * self._reg))
        return loss, n_correct

    def _gather(self, rows: NDArray[np.int64]) -> Float32:
        pixels, inputs = self._pixels[: len(rows)], self._inputs[: len(rows)]
        # mode="clip" lets take write straight into `out`; the default buffers for safety.
        np.take(self._split.train_images, rows, axis=0, out=pixels, mode="clip")
        np.subtract(pixels, self._split.mean_image, out=inputs)
        return inputs

    def _forward(self, inputs: Float32) -> tuple[Float32, Float32]:
        hidden, scores = self._hidden[: len(inputs)], self._scores[: len(inputs)]
        np.matmul(inputs, self._net["W1"], out=hidden)
        hidden += self._net["b1"]
        np.maximum(hidden, 0, out=hidden)
        np.matmul(hidden, self._net["W2"], out=scores)
        scores += self._net["b2"]
        return hidden, scores

    def _softmax(self, scores: Float32, labels: NDArray[np.int64]) -> float:
        """Mean cross-entropy; turns `scores` into n times its gradient."""
        true_class = (np.arange(len(labels)), labels)
        scores -= scores.max(axis=1, keepdims=True)
        true_scores = scores[true_class]
        np.exp(scores, out=scores)
        normalisers = scores.sum(axis=1, keepdims=True)
        scores /= normalisers
        scores[true_class] -= 1
        return float(np.mean(np.log(normalisers[:, 0]) - true_scores))

    def _penalty(self) -> float:
        W1, W2 = self._net["W1"].ravel(), self._net["W2"].ravel()
        return self._reg * (float(W1 @ W1) + float(W2 @ W2))

    def _update(
        self, inputs: Float32, hidden: Float32, dscores: Float32, shrink: np.float32
    ) -> None:
        net, n = self._net, len(inputs)
        active, dhidden = self._active[:n], self._dhidden[:n]
        np.matmul(dscores, net["W2"].T, out=dhidden)
        np.greater(hidden, 0, out=active)
        dhidden *= active
        np.matmul(hidden.T, dscores, out=self._dW2)
        np.matmul(inputs.T, dhidden, out=self._dW1)
        for name, gradient in (("W1", self._dW1), ("W2", self._dW2)):
            net[name] *= shrink
            net[name] -= gradient
        net["b1"] -= dhidden.sum(axis=0)
        net["b2"] -= dscores.sum(axis=0)
