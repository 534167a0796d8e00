"""Training of one model as the engine sees it: train an epoch, validate, save, restore."""

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import Schema, Splits
from hpsearch.engine.trial_files import Epoch, FitState
from hpsearch.trainers import Trainer, TrainingData
from hpsearch.trainers.outputs import read_metrics, read_predictions

__all__ = ["Fit", "Training"]


class Training(Protocol):
    """Training of a trial: of one model, or with folds of one for each."""

    def train_epoch(self, number: int, before: Epoch | None) -> Epoch:
        """Train epoch `number`, 1 for the first, after the epoch `before`; and validate."""
        ...

    def predict(self) -> NDArray[Any]:
        """Predict the validation examples, shape (M,), in their order."""
        ...

    def states(self) -> tuple[FitState, ...]:
        """Return all that the next epoch depends on."""
        ...

    def model_state(self) -> Mapping[str, Any]:
        """Return the model; with folds the models, as ``fold1`` and so on."""
        ...


class Fit:
    """Training of one model on one training split.

    Parameters
    ----------
    trainer : type of Trainer
        What is trained.
    schema : Schema
        Shape of an example, columns and classes.
    splits : Splits
        Training and validation examples.
    hyperparameters : mapping
        Values of all hyperparameters, by name.
    seed : numpy.random.SeedSequence
        Seed of the trainer's random generator.
    threads : int
        Number of threads that an epoch may use.
    state : FitState, optional
        State of a training to be continued.
    """

    def __init__(
        self,
        trainer: type[Trainer],
        schema: Schema,
        splits: Splits,
        hyperparameters: Mapping[str, Any],
        seed: np.random.SeedSequence,
        threads: int,
        state: FitState | None = None,
    ) -> None:
        self._schema, self._splits = schema, splits
        self._threads = threads
        self._rng = np.random.default_rng(seed)
        self._trainer = trainer(hyperparameters, schema, self._rng)
        self._trainer.prepared = splits.derived
        if state:
            self._trainer.load_state_dict(state.trainer)
            self._rng.bit_generator.state = dict(state.generator)

    @property
    def targets(self) -> NDArray[Any]:
        """Targets of the validation examples, shape (M,)."""
        return self._splits.validation_targets

    def train_epoch(self, number: int, before: Epoch | None) -> Epoch:
        """Train epoch `number`, 1 for the first, after the epoch `before`; and validate."""
        started, splits = time.perf_counter(), self._splits
        metrics, steps = read_metrics(
            self._trainer.train_epoch(
                TrainingData(splits.train, splits.train_targets, number, self._threads)
            )
        )
        metric = self._schema.metric
        diverged = not all(map(math.isfinite, [*metrics.values(), *sum(steps.values(), ())]))
        if diverged and before:
            measured = {metric.name: before.val_score, **before.val_others}
        elif diverged:
            measured = metric.measure_constant(self.targets)
        else:
            measured = self._validate()
        return Epoch(
            number=number,
            val_score=measured.pop(metric.name),
            duration_s=time.perf_counter() - started,
            ended_at=time.time(),
            metrics=metrics,
            step_metrics=steps,
            diverged=diverged,
            val_others=measured,
        )

    def predict(self) -> NDArray[Any]:
        """Predict the validation examples, shape (M,): classes, or numbers for regression."""
        examples = self._splits.validation
        return read_predictions(self._trainer.predict(examples), self._schema, len(examples))

    def states(self) -> tuple[FitState, ...]:
        """Return all that the next epoch depends on."""
        generator = dict(self._rng.bit_generator.state)
        return (FitState(self._trainer.state_dict(), generator),)

    def model_state(self) -> Mapping[str, Any]:
        """Return the model."""
        return self._trainer.model_state_dict()

    def _validate(self) -> dict[str, float]:
        metric = self._schema.metric
        if not len(self.targets):
            return {metric.name: math.nan}
        return metric.measure(self.targets, self.predict())
