"""Metrics: the value that a study optimizes, and secondary scores."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACCURACY", "MEAN_SQUARED_ERROR", "Direction", "Metric", "Task", "metric_of"]

Floats = NDArray[np.float64]
# Whether larger or smaller values are better, in Optuna's words.
Direction: TypeAlias = Literal["maximize", "minimize"]


class Task(StrEnum):
    """Kind of prediction: a class or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Metric:
    """A score of predictions that is a mean over examples.

    Parameters
    ----------
    name : str
        Name, as in ``val_<name>`` and ``test_<name>``.
    direction : Direction
        Whether larger values are better.
    of_each : callable
        Maps (targets, predictions), two arrays of shape (N,), to the metric of each example,
        float64 of shape (N,), whose mean is the metric.
    best_constant : callable
        Maps targets to the one prediction for all examples that has the best metric.
    others : dict
        Secondary scores: from name to a callable on (targets, predictions).
    format_spec : str
        Format specification of values.
    """

    name: str
    direction: Direction
    of_each: Callable[[NDArray[Any], NDArray[Any]], Floats]
    best_constant: Callable[[NDArray[Any]], Any]
    others: Mapping[str, Callable[[NDArray[Any], NDArray[Any]], float]]
    format_spec: str

    @property
    def sign(self) -> int:
        """1 if larger values are better, -1 if smaller ones are."""
        return 1 if self.direction == "maximize" else -1

    def __call__(self, targets: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Compute the mean over all examples."""
        return float(np.mean(self.of_each(targets, predictions)))

    def measure(self, targets: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
        """Compute the metric and the secondary scores, by name."""
        beside = {name: measure(targets, predictions) for name, measure in self.others.items()}
        return {self.name: self(targets, predictions), **beside}

    def measure_constant(self, targets: NDArray[Any]) -> dict[str, float]:
        """Compute the same scores of the best constant prediction; nan without targets."""
        if not len(targets):
            return dict.fromkeys([self.name, *self.others], math.nan)
        return self.measure(targets, np.full(len(targets), self.best_constant(targets)))

    def format(self, value: float | None) -> str:
        """Format a value; a dash if there is none."""
        is_known = value is not None and not math.isnan(value)
        return f"{value:{self.format_spec}}" if is_known else "-"

    def round(self, value: float) -> str:
        """Format a less precise value, with one digit less than `format`."""
        digits, kind = int(self.format_spec[1:-1]) - 1, self.format_spec[-1]
        return f"{value:.{digits}{kind}}"

    @property
    def val_name(self) -> str:
        """Its name on the validation split."""
        return f"val_{self.name}"

    @property
    def test_name(self) -> str:
        """Its name on the test split."""
        return f"test_{self.name}"

    @property
    def train_name(self) -> str:
        """Its name on the training split."""
        return f"train_{self.name}"

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` beats `than`."""
        return self.sign * value > self.sign * than


def metric_of(task: Task) -> Metric:
    """Return the metric that studies of `task` optimize."""
    return ACCURACY if task == Task.CLASSIFICATION else MEAN_SQUARED_ERROR


def _hits(targets: NDArray[Any], predictions: NDArray[Any]) -> Floats:
    hits: Floats = np.equal(targets, predictions).astype(np.float64)
    return hits


def _most_frequent(targets: NDArray[Any]) -> Any:
    values, counts = np.unique(targets, return_counts=True)
    return values[counts.argmax()]


def _squared_errors(targets: NDArray[Any], predictions: NDArray[Any]) -> Floats:
    errors: Floats = np.asarray(predictions, np.float64) - targets
    return errors**2


def _mean(targets: NDArray[Any]) -> float:
    # float64: the mean of many float32 targets loses digits.
    return float(np.mean(targets, dtype=np.float64))


def _r2(targets: NDArray[Any], predictions: NDArray[Any]) -> float:
    """Compute the share of the targets' variance that is explained; 0 without variance."""
    variance = float(np.var(targets))
    return 1 - float(np.mean(_squared_errors(targets, predictions))) / variance if variance else 0.0


ACCURACY = Metric("accuracy", "maximize", _hits, _most_frequent, {}, ".4f")
MEAN_SQUARED_ERROR = Metric("mse", "minimize", _squared_errors, _mean, {"r2": _r2}, ".5g")
