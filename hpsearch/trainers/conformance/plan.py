"""A training to observe, and what is known of a trainer after an epoch: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema
from hpsearch.trainers.conformance.state_comparison import find_difference
from hpsearch.trainers.finding import TrainerSpec
from hpsearch.trainers.state import unflatten_state

__all__ = ["FlatState", "Plan", "Snapshot", "compare_states"]

# Arrays by path, and all else as JSON: output of `flatten_state`.
FlatState: TypeAlias = tuple[Mapping[str, NDArray[Any]], str]


@dataclass(frozen=True)
class Snapshot:
    """What is known of a trainer after an epoch.

    Parameters
    ----------
    metrics : mapping
        What `train_epoch` returned.
    predictions : array
        What `predict` returned.
    generator : mapping
        State of the trainer's random generator.
    state, model : FlatState, optional
        What `state_dict` and `model_state_dict` returned; None if it cannot be saved.
    """

    metrics: Mapping[str, NDArray[np.float64]]
    predictions: NDArray[Any]
    generator: Mapping[str, Any]
    state: FlatState | None = None
    model: FlatState | None = None


@dataclass(frozen=True)
class Plan:
    """A training to observe, as plain values.

    Parameters
    ----------
    spec : TrainerSpec
        The trainer.
    hyperparameters : mapping
        All hyperparameters; ``epochs`` is replaced.
    schema : Schema
        Structure of the examples.
    seed : int
        Seed of the trainer's generator.
    X, y, X_val : Path
        Arrays, in files of NumPy's format.
    prepared : mapping
        Files of the prepared arrays by name.
    n_epochs : int
        Hyperparameter ``epochs``, unless the trainer has none. The first two are trained.
    threads : int
        Number of threads that the trainer may use.
    start : Snapshot, optional
        State after the first epoch, to continue from. The model in it is loaded for prediction
        first.
    """

    spec: TrainerSpec
    hyperparameters: Mapping[str, Any]
    schema: Schema
    seed: int
    X: Path
    y: Path
    X_val: Path
    prepared: Mapping[str, Path]
    n_epochs: int = 2
    threads: int = 1
    start: Snapshot | None = None


def compare_states(one: FlatState | None, other: FlatState | None) -> str | None:
    """Find the first difference between two states, as `find_difference` does."""
    if one is None or other is None:
        return None  # what cannot be saved is reported as such
    return find_difference(unflatten_state(*one), unflatten_state(*other))
