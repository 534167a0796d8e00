"""Gradient descent on a two-layer net, one epoch at a time."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.augmentation import Augmentation
from hpsearch.trainers.two_layer_net.averaging import take_into_average
from hpsearch.trainers.two_layer_net.batches import NO_AUGMENTATION, make_reader
from hpsearch.trainers.two_layer_net.cross_entropy import differentiate_cross_entropy
from hpsearch.trainers.two_layer_net.dropout import Dropout
from hpsearch.trainers.two_layer_net.first_layer import Inputs
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.optimizer_state import OptimizerState
from hpsearch.trainers.two_layer_net.schedules import make_schedule
from hpsearch.trainers.two_layer_net.split import Split
from hpsearch.trainers.two_layer_net.squared_error import differentiate_squared_error
from hpsearch.trainers.two_layer_net.step import Step
from hpsearch.trainers.two_layer_net.targets import make_target_maker

__all__ = ["EpochResult", "GradientDescent"]

# Counted within an epoch, so that a resumed training flushes at the same steps.
_STEPS_BETWEEN_FLUSHES = 64


@dataclass(frozen=True)
class EpochResult:
    """Result of one pass over the training examples.

    Parameters
    ----------
    losses : list of float
        Loss of each step. Training has diverged, and the pass ended, if the last is nan or inf.
    score : float
        The metric's mean over the epoch's examples, each evaluated before the step that used it.
    learning_rate : float
        The rate in the middle of the epoch.
    """

    losses: list[float]
    score: float
    learning_rate: float

    @property
    def diverged(self) -> bool:
        """Whether a loss was nan or inf."""
        return not math.isfinite(self.losses[-1])


class GradientDescent:
    """Trains a net in place, an epoch at a time.

    `net`, `memory` and `rng` are the whole state: if they are saved after an epoch and passed in
    again, training continues as if it had never stopped. With the exponential schedule the first
    epochs do not depend on the number of epochs.

    Parameters
    ----------
    net : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,); changed in place. The net to be used at
        the end is ``averaged(net, memory)``.
    split : Split
        Training examples, with the preprocessing that `setting` requires.
    setting : Hyperparameters
        The hyperparameters.
    rng : numpy.random.Generator
        Draws a permutation of the training examples for each epoch, and everything else random.
    memory : dict of arrays
        State of optimizer and averaging between epochs; filled and changed in place.
    """

    def __init__(
        self,
        net: Parameters,
        split: Split,
        setting: Hyperparameters,
        rng: np.random.Generator,
        memory: OptimizerState,
    ) -> None:
        self._net, self._memory, self._averaging = net, memory, setting.averaging_epochs
        self._variance = split.target_scale.std**2 if split.target_scale else 1.0
        self._labels = split.train_labels
        self._n = len(split.train_rows)
        self._batch_size = setting.batch_size
        self._rng = rng
        self._read = make_reader(split, setting, _make_augmentation(split, setting))
        self._make_targets = make_target_maker(split, setting)
        self._input_dropout = Dropout(setting.input_dropout, rng)
        self._rate = make_schedule(setting)
        loss = differentiate_squared_error if split.target_scale else differentiate_cross_entropy
        self._step = Step(net, setting, rng, memory, loss)
        self._soft_threshold = setting.soft_threshold / setting.learning_rate
        self._directions = split.preprocessing.directions if setting.soft_threshold else None

    @np.errstate(all="ignore")  # divergence is detected by the loss
    def train_epoch(self, number: int) -> EpochResult:
        """Train for epoch `number`, 1 for the first."""
        losses, total = self._take_steps(number)
        rate = self._rate(number, 0.5)
        result = EpochResult(losses, total * self._variance / self._n, rate)
        if self._soft_threshold and not result.diverged:
            self._step.shrink_first_weights(self._directions, self._soft_threshold * rate)
        self._step.write_back()
        if self._averaging and not result.diverged:
            take_into_average(self._net, self._memory, self._averaging, number)
        return result

    def _take_steps(self, number: int) -> tuple[list[float], float]:
        losses, total = [], 0.0
        order = self._rng.permutation(self._n)
        for index, start in enumerate(range(0, len(order), self._batch_size)):
            if index % _STEPS_BETWEEN_FLUSHES == 0:
                self._step.flush()
            # The order within a batch does not matter; sorted, rows are read in order from disk.
            numbers = np.sort(order[start : start + self._batch_size])
            rate = self._rate(number, start / self._n)
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


def _make_augmentation(split: Split, setting: Hyperparameters) -> Augmentation:
    if split.plain is None or split.image_shape is None:
        return NO_AUGMENTATION
    mean_image = split.plain.mean_image.round().astype(np.uint8).reshape(split.image_shape)
    return Augmentation(setting.horizontal_flip, setting.max_shift, setting.cutout_size, mean_image)
