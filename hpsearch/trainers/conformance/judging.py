"""The results of the conformance check, from observations of trainings."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import shorten_bytes
from hpsearch.trainers.conformance.observation import Observation
from hpsearch.trainers.conformance.plan import Snapshot, compare_states
from hpsearch.trainers.conformance.state_comparison import find_difference
from hpsearch.trainers.finding import TrainerSpec
from hpsearch.trainers.state import flatten_state

__all__ = [
    "Check",
    "CheckResult",
    "judge_equality",
    "judge_generators",
    "judge_job",
    "judge_prediction",
    "judge_resumption",
    "judge_state",
]

# Trainer and hyperparameters are sent with each trial, and shown in logs and in MLflow.
_MAX_JOB_BYTES = 16_384
_NO_STATE = "there is no state_dict and load_state_dict"


class Check(StrEnum):
    """What is checked, in the order of the results."""

    JOB = "job"
    TRAINING = "training"
    STATE = "state"
    GLOBAL_GENERATORS = "global generators"
    DETERMINISTIC = "deterministic"
    PREDICTION = "prediction"
    RESUMABLE = "resumable"
    THREADS = "threads"
    PREFIX = "prefix"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Parameters
    ----------
    check : Check
        What was checked.
    holds : bool or None
        None if it cannot be checked for this trainer; the detail says why.
    detail : str
        In one line: the first value that differs and how, or what was compared.
    """

    check: Check
    holds: bool | None
    detail: str


def judge_job(spec: TrainerSpec, hyperparameters: Mapping[str, Any]) -> CheckResult:
    """Check that a job is small and consists of plain values, so never holds the class."""
    values = {"settings": spec.settings, "hyperparameters": hyperparameters}
    try:
        flatten_state(values)
    except TypeError as error:
        return CheckResult(Check.JOB, False, str(error))
    size = len(pickle.dumps((spec, values)))
    given = f"trainer, settings and hyperparameters take {shorten_bytes(size)}"
    limit = f", expected at most {shorten_bytes(_MAX_JOB_BYTES)}"
    return _result(Check.JOB, given + limit if size > _MAX_JOB_BYTES else "", given)


def judge_state(first: Observation) -> CheckResult:
    """Check that the state can be saved."""
    if not first.is_resumable:
        return CheckResult(Check.STATE, None, _NO_STATE)
    arrays = first.snapshots[-1].state[0] if first.snapshots[-1].state else {}
    size = shorten_bytes(sum(array.nbytes for array in arrays.values()))
    return _result(Check.STATE, first.unsaved, f"can be saved; arrays: {len(arrays)}, {size}")


def judge_generators(first: Observation) -> CheckResult:
    """Check that no global random generator was used."""
    problem = first.changed_generators[0] if first.changed_generators else ""
    return _result(Check.GLOBAL_GENERATORS, problem, "none is used or reseeded")


def judge_equality(
    check: Check, first: Observation, other: Observation, equality: str
) -> CheckResult:
    """Check that another training of the same epochs is equal to the first.

    Parameters
    ----------
    check : Check
        What is checked by it.
    first, other : Observation
        The trainings.
    equality : str
        Detail of the result if they are equal.
    """
    return _result(check, _compare(first.snapshots, other), equality)


def judge_prediction(
    first: Observation, resumed: Observation | None, schema: Schema, n_examples: int
) -> CheckResult:
    """Check what `predict` returns, that it changes nothing, and that a loaded model can do it."""
    predictions = first.snapshots[0].predictions
    problem = _check_outputs(predictions, schema, n_examples) or first.impure_prediction
    detail = "changes nothing"
    if resumed is not None and not problem:
        detail += ", and is the same of the loaded model, without generator and prepared arrays"
        problem = resumed.loading_failure
        if resumed.loaded is not None:
            problem = find_difference(predictions, resumed.loaded, "loaded model: prediction") or ""
        elif not problem:
            problem = resumed.failure
    return _result(Check.PREDICTION, problem, detail)


def judge_resumption(first: Observation, resumed: Observation | None) -> CheckResult:
    """Check that the epochs after a restored one are equal to those without interruption."""
    if not first.has_epochs:
        return CheckResult(Check.RESUMABLE, None, "training has no epochs")
    if not first.is_resumable:
        return CheckResult(Check.RESUMABLE, None, _NO_STATE)
    if resumed is None:
        return CheckResult(Check.RESUMABLE, False, "the state cannot be saved")
    detail = "1 epoch, saved, restored in a new process, and 1 more are equal to 2 in one go"
    return _result(Check.RESUMABLE, _compare(first.snapshots[1:], resumed, start=2), detail)


def _result(check: Check, problem: str, detail: str) -> CheckResult:
    return CheckResult(check, not problem, problem or detail)


def _compare(expected: Sequence[Snapshot], other: Observation, start: int = 1) -> str:
    """Describe the first difference from the `expected` epochs, of which the first is `start`."""
    if other.failure:
        return other.failure
    for epoch, (one, two) in enumerate(zip(expected, other.snapshots, strict=True), start):
        for what, difference in (
            ("state", compare_states(one.state, two.state)),
            ("rng", find_difference(one.generator, two.generator)),
            ("metric", find_difference(one.metrics, two.metrics)),
            ("prediction", find_difference(one.predictions, two.predictions)),
        ):
            if difference:
                return f"after epoch {epoch}: {what} {difference}"
    return ""


def _check_outputs(predictions: NDArray[Any], schema: Schema, n_examples: int) -> str:
    """Describe how predictions differ from what `Trainer.predict` should return, if they do."""
    kind, shape, n_classes = predictions.dtype.kind, predictions.shape, schema.n_outputs
    if schema.task is Task.REGRESSION:
        expected = f"numbers of shape ({n_examples},)"
        is_right = kind in "fiu" and shape == (n_examples,)
    elif kind == "f":
        expected = f"scores of shape ({n_examples}, {n_classes})"
        is_right = shape == (n_examples, n_classes)
    else:
        expected = f"scores, or classes from 0 to {n_classes - 1} of shape ({n_examples},)"
        is_right = kind in "iu" and shape == (n_examples,)
        is_right = is_right and bool(np.isin(predictions, np.arange(n_classes)).all())
    got = f"{predictions.dtype} of shape {shape}"
    return "" if is_right else f"predict: expected {expected}, got {got}"
