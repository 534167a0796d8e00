"""Gradient descent on a two-layer net, one epoch at a time."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Split
from hpsearch.net import Parameters
from hpsearch.training.augmentation import Augmentation
from hpsearch.training.averaging import averaged, take_into_average
from hpsearch.training.batches import NO_AUGMENTATION, make_reader
from hpsearch.training.cross_entropy import differentiate_cross_entropy
from hpsearch.training.dropout import Dropout
from hpsearch.training.epoch import Epoch
from hpsearch.training.first_layer import Inputs
from hpsearch.training.hyperparameters import Hyperparameters
from hpsearch.training.optimizer_state import OptimizerState
from hpsearch.training.prediction import predict
from hpsearch.training.schedules import make_schedule
from hpsearch.training.squared_error import differentiate_squared_error
from hpsearch.training.step import Step
from hpsearch.training.targets import make_target_maker

__all__ = ["train"]

# Counted within an epoch, so that a resumed training flushes at the same steps.
_STEPS_BETWEEN_FLUSHES = 64


def train(
    net: Parameters,
    split: Split,
    setting: Hyperparameters,
    rng: np.random.Generator,
    *,
    memory: OptimizerState | None = None,
    completed_epochs: int = 0,
    count_threads: Callable[[], int] = lambda: 1,
) -> Iterator[Epoch]:
    """Train `net` in place and yield each epoch as it ends.

    The caller records the epochs, and prunes by leaving the loop. `net`, `memory` and `rng` are
    the whole state: if they are saved after an epoch and passed in again with `completed_epochs`,
    training continues as if it had never stopped. With the exponential schedule the first epochs
    do not depend on the number of epochs.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,); changed in place. The net to be used at
        the end is ``averaged(net, memory)``.
    split : Split
        Training and validation examples, with the preprocessing that `setting` requires.
    setting : Hyperparameters
        The hyperparameters.
    rng : numpy.random.Generator
        Draws a permutation of the training examples for each epoch, and everything else random.
    memory : dict of arrays, optional
        State of optimizer and averaging between epochs; filled and changed in place.
    completed_epochs : int
        Number of epochs after which `net`, `memory` and `rng` were saved.
    count_threads : callable
        Called before each epoch; returns the number of threads for the large products. Results do
        not depend on it.

    Yields
    ------
    Epoch
        The last one has `diverged` set if a loss was nan or inf; it is not validated, so its
        `val_score` is nan.
    """
    memory = {} if memory is None else memory
    name = split.metric.name
    pass_once = _Pass(net, split, setting, rng, memory)

    def validate() -> dict[str, float]:
        if not len(split.validation_labels):
            return {name: math.nan}
        predicted = predict(averaged(net, memory), split.validation_inputs, split.target_scale)
        return split.metric.measure(split.validation_labels, predicted)

    for number in range(completed_epochs + 1, setting.epochs + 1):
        started = time.perf_counter()
        losses, total = pass_once(number, count_threads())
        diverged = not math.isfinite(losses[-1])
        measured = {name: math.nan}
        if not diverged:
            if setting.averaging_epochs:
                take_into_average(net, memory, setting.averaging_epochs, number)
            measured = validate()
        yield Epoch(
            number=number,
            train_loss=float(np.mean(losses)),
            train_score=_mean_score(total, split),
            val_score=measured[name],
            learning_rate=pass_once.rate(number, 0.5),
            duration_s=time.perf_counter() - started,
            ended_at=time.time(),
            iteration_losses=tuple(losses),
            diverged=diverged,
            val_others={other: value for other, value in measured.items() if other != name},
        )
        if diverged:
            return


def _mean_score(total: float, split: Split) -> float:
    """Return the metric's mean over the training examples from the steps' total."""
    variance = split.target_scale.std**2 if split.target_scale else 1.0
    return total * variance / len(split.train_rows)


def _make_augmentation(split: Split, setting: Hyperparameters) -> Augmentation:
    if split.plain is None or split.image_shape is None:
        return NO_AUGMENTATION
    mean_image = split.plain.mean_image.round().astype(np.uint8).reshape(split.image_shape)
    return Augmentation(setting.horizontal_flip, setting.max_shift, setting.cutout_size, mean_image)


class _Pass:
    """One pass over the training examples: reads batches and takes steps."""

    def __init__(
        self,
        net: Parameters,
        split: Split,
        setting: Hyperparameters,
        rng: np.random.Generator,
        memory: OptimizerState,
    ) -> None:
        self._labels = split.train_labels
        self._n = len(split.train_rows)
        self._batch_size = setting.batch_size
        self._rng = rng
        self._read = make_reader(split, setting, _make_augmentation(split, setting))
        self._make_targets = make_target_maker(split, setting)
        self._input_dropout = Dropout(setting.input_dropout, rng)
        self.rate = make_schedule(setting)
        loss = differentiate_squared_error if split.target_scale else differentiate_cross_entropy
        self._step = Step(net, setting, rng, memory, loss)
        self._soft_threshold = setting.soft_threshold / setting.learning_rate
        self._directions = split.preprocessing.directions if setting.soft_threshold else None

    @np.errstate(all="ignore")  # divergence is detected by the loss
    def __call__(self, number: int, n_threads: int) -> tuple[list[float], float]:
        """Train for epoch `number`; return each step's loss, and the total of the metric."""
        self._step.share_among(n_threads)
        losses, total = self._take_steps(number)
        if self._soft_threshold and math.isfinite(losses[-1]):
            share = self._soft_threshold * self.rate(number, 0.5)
            self._step.shrink_first_weights(self._directions, share)
        self._step.write_back()
        return losses, total

    def _take_steps(self, number: int) -> tuple[list[float], float]:
        losses, total = [], 0.0
        order = self._rng.permutation(self._n)
        for index, start in enumerate(range(0, len(order), self._batch_size)):
            if index % _STEPS_BETWEEN_FLUSHES == 0:
                self._step.flush()
            # The order within a batch does not matter; sorted, rows are read in order from disk.
            numbers = np.sort(order[start : start + self._batch_size])
            rate = self.rate(number, start / self._n)
            loss, count = self._step(*self._draw(numbers), rate)
            losses.append(loss)
            total += count
            if not math.isfinite(loss):
                break
        return losses, total

    def _draw(self, numbers: NDArray[np.int64]) -> tuple[Inputs, NDArray[np.float32]]:
        """Return the inputs and targets of the examples `numbers`."""
        inputs = self._read(numbers, self._rng)
        targets = self._make_targets(inputs, self._labels[numbers], self._rng)
        if self._input_dropout.is_on:
            assert isinstance(inputs, np.ndarray)
            self._input_dropout.drop(inputs)
            inputs *= self._input_dropout.scale
        return inputs, targets
