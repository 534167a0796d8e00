"""Stochastic gradient descent on a two-layer net, one epoch at a time."""

import math
import time
from collections.abc import Iterator

import numpy as np

from hpsearch.data import Split
from hpsearch.net import Parameters
from hpsearch.training.batches import BatchReader
from hpsearch.training.epoch import Epoch, Hyperparameters
from hpsearch.training.prediction import classify
from hpsearch.training.step import SgdStep

__all__ = ["train"]


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
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,); changed in place.
    split : Split
        Training and validation images.
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
    read_batch = BatchReader(split, hyperparameters.batch_size)
    step = SgdStep(net, hyperparameters.reg, hyperparameters.batch_size)
    validation_inputs = split.preprocessing.apply(split.validation_images)

    def validate() -> float:
        return float(np.mean(classify(net, validation_inputs) == split.validation_labels))

    val_accuracy = validate()
    for number in range(completed_epochs + 1, hyperparameters.epochs + 1):
        started = time.perf_counter()
        losses, hits = [], 0
        order = rng.permutation(len(split.train_rows))
        for start in range(0, len(order), hyperparameters.batch_size):
            # A batch is a set; sorted, its rows lie closer together on disk.
            numbers = np.sort(order[start : start + hyperparameters.batch_size])
            batch, labels = read_batch(numbers), split.train_labels[numbers]
            loss, n_correct = step(batch, labels, learning_rate)
            losses.append(loss)
            hits += n_correct
            if not math.isfinite(loss):
                break
        diverged = not math.isfinite(losses[-1])
        if not diverged:
            val_accuracy = validate()
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
