"""Observation of one training by the conformance check, in a process of its own."""

import random
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hpsearch.trainers.base import Trainer, TrainingData, is_resumable
from hpsearch.trainers.conformance.plan import FlatState, Plan, Snapshot, compare_states
from hpsearch.trainers.conformance.state_comparison import find_difference
from hpsearch.trainers.outputs import read_metrics
from hpsearch.trainers.state import flatten_state, unflatten_state

__all__ = ["Observation", "observe"]


@dataclass
class Observation:
    """What was observed of a training.

    Parameters
    ----------
    failure : str
        Step that raised, and the exception, in a line; empty if none did.
    has_epochs, is_resumable : bool
        As the class says.
    snapshots : list of Snapshot
        One for each epoch that was trained here.
    changed_generators : list of str
        Steps that changed a global generator, and which, in the order of observation.
    unsaved : str
        Why the state cannot be saved; empty if it can.
    impure_prediction : str
        What `predict` changed, or how two calls of it differ; empty if neither.
    loaded : array, optional
        Predictions of the loaded model.
    loading_failure : str
        As `failure`, of loading the model and predicting.
    """

    failure: str = ""
    has_epochs: bool = True
    is_resumable: bool = True
    snapshots: list[Snapshot] = field(default_factory=list)
    changed_generators: list[str] = field(default_factory=list)
    unsaved: str = ""
    impure_prediction: str = ""
    loaded: NDArray[Any] | None = None
    loading_failure: str = ""


def observe(plan: Plan) -> Observation:
    """Train as the engine does, and observe it; exceptions of the trainer are part of the result.

    Parameters
    ----------
    plan : Plan
        The training.
    """
    observed = Observation()
    try:
        with _step(observed, "import"):
            trainer_class = plan.spec.load()
        threadpool_limits(1)  # as in workers; after the import, which loads libraries
        observed.has_epochs = trainer_class.has_epochs
        observed.is_resumable = is_resumable(trainer_class)
        n_epochs = plan.n_epochs if trainer_class.has_epochs else 1
        plan = replace(plan, hyperparameters={**plan.hyperparameters, "epochs": n_epochs})
        X_val = np.load(plan.X_val, mmap_mode="r")
        if plan.start is not None:
            _load_model(observed, plan, trainer_class, X_val)
        _train(observed, plan, trainer_class, X_val)
    except _StepFailedError as error:
        observed.failure = str(error)
    return observed


def _train(
    observed: Observation, plan: Plan, trainer_class: type[Trainer], X_val: NDArray[Any]
) -> None:
    rng = np.random.default_rng(plan.seed)
    prepared = {name: np.load(path, mmap_mode="r") for name, path in plan.prepared.items()}
    with _step(observed, "constructor"):
        trainer = trainer_class(plan.hyperparameters, plan.schema, rng)
    trainer.prepared = prepared
    if plan.start is not None:
        assert plan.start.state is not None
        with _step(observed, "load_state_dict"):
            trainer.load_state_dict(unflatten_state(*plan.start.state))
        rng.bit_generator.state = plan.start.generator
    X, y = (np.load(path, mmap_mode="r") for path in (plan.X, plan.y))
    X = prepared.get("X", X)
    last = 2 if trainer_class.has_epochs else 1
    for epoch in range(1 if plan.start is None else 2, last + 1):
        data = TrainingData(X, y, epoch=epoch, threads=plan.threads)
        observed.snapshots.append(_train_epoch(observed, trainer, rng, data, X_val))


def _train_epoch(
    observed: Observation,
    trainer: Trainer,
    rng: np.random.Generator,
    data: TrainingData,
    X_val: NDArray[Any],
) -> Snapshot:
    with _step(observed, f"train_epoch (epoch {data.epoch})"):
        metrics = _as_arrays(trainer.train_epoch(data))
    before, generator_before = _save(observed, trainer, "state_dict"), rng.bit_generator.state
    predictions = _predict(observed, trainer, X_val)
    again = _predict(observed, trainer, X_val)
    state, generator = _save(observed, trainer, "state_dict"), rng.bit_generator.state
    if observed.impure_prediction:
        pass  # the first epoch's is enough
    elif difference := compare_states(before, state):
        observed.impure_prediction = f"predict changes the state: {difference}"
    elif find_difference(generator_before, generator):
        observed.impure_prediction = "predict draws from rng"
    elif difference := find_difference(predictions, again, "predictions"):
        observed.impure_prediction = f"predict called twice: {difference}"
    model = _save(observed, trainer, "model_state_dict")
    return Snapshot(metrics, predictions, generator, state, model)


def _load_model(
    observed: Observation, plan: Plan, trainer_class: type[Trainer], X_val: NDArray[Any]
) -> None:
    """Load the model for prediction, with neither generator nor prepared arrays."""
    assert plan.start is not None
    assert plan.start.model is not None
    try:
        with _step(observed, "loading the model: constructor with rng None"):
            trainer = trainer_class(plan.hyperparameters, plan.schema, None)
        with _step(observed, "loading the model: load_state_dict of model_state_dict"):
            trainer.load_state_dict(unflatten_state(*plan.start.model))
        observed.loaded = _predict(observed, trainer, X_val, "loaded model: predict")
    except _StepFailedError as error:
        observed.loading_failure = str(error)


def _predict(
    observed: Observation, trainer: Trainer, X: NDArray[Any], step: str = "predict"
) -> NDArray[Any]:
    with _step(observed, step):
        predictions = trainer.predict(X)
        if not isinstance(predictions, np.ndarray) or predictions.dtype.hasobject:
            raise TypeError(f"expected an array of numbers, got {type(predictions).__name__}")
    return predictions.copy()  # the trainer may return the same buffer each time


def _save(observed: Observation, trainer: Trainer, method: str) -> FlatState | None:
    """Copy a state; note why, if it cannot be saved."""
    if not observed.is_resumable:
        return None
    with _step(observed, method):
        state = getattr(trainer, method)()
    try:
        arrays, structure = flatten_state(state)
    except TypeError as error:
        observed.unsaved = observed.unsaved or f"{method}: {error}"
        return None
    # An exported model's file stores all arrays in C order, a checkpoint in their own.
    order: Literal["C", "K"] = "C" if method == "model_state_dict" else "K"
    return {name: np.array(a, order=order) for name, a in arrays.items()}, structure


def _as_arrays(metrics: Any) -> dict[str, NDArray[np.float64]]:
    of_epoch, of_steps = read_metrics(metrics)
    return {name: np.array(value) for name, value in {**of_epoch, **of_steps}.items()}


class _StepFailedError(Exception):
    """The trainer raised; the message says in which step."""


@contextmanager
def _step(observed: Observation, name: str) -> Iterator[None]:
    """Convert exceptions of the trainer, and note the global generators that a step changes."""
    before = _read_global_generators()
    try:
        yield
    except Exception as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 300, placeholder=" ...")
        raise _StepFailedError(f"{name}: {reason}") from error
    after = _read_global_generators()
    observed.changed_generators += [
        f"{name} uses or reseeds {generator}"
        for generator in before
        if before[generator] != after.get(generator) and name != "import"
    ]


def _read_global_generators() -> dict[str, Any]:
    """Read the states of the generators that all of a process shares."""
    kind, key, *rest = np.random.get_state()  # noqa: NPY002 - what is looked for
    states: dict[str, Any] = {
        "NumPy's global generator (numpy.random)": (kind, np.asarray(key).tobytes(), *rest),
        "Python's global generator (random)": random.getstate(),
    }
    if torch := sys.modules.get("torch"):
        generator = "PyTorch's global generator (torch.random)"
        states[generator] = torch.get_rng_state().numpy().tobytes()
    return states
