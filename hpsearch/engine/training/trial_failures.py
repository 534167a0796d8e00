"""Failures of a trial: exceptions that fail it, those that stop the study, and its attempts."""

import contextlib
import functools
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from hpsearch.engine.execution import Attempts
from hpsearch.engine.records import State
from hpsearch.engine.training.job import TrialJob
from hpsearch.engine.trial_files import HISTORY_FILE, load_history
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.errors import (
    DamagedDataError,
    DataError,
    HpsearchError,
    MachineError,
    StoreError,
)
from hpsearch.foundations.files import append_line
from hpsearch.foundations.machine_failures import is_machine_failure
from hpsearch.foundations.versions import machine_versions
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TrainerSpec

__all__ = [
    "ATTEMPTS_FILE",
    "TrainingFailedError",
    "check_installation",
    "describe_failure",
    "from_training",
    "note_attempt",
    "read_attempts",
    "read_versions",
    "separating_training_errors",
    "warm_up",
]

Value = TypeVar("Value")

ATTEMPTS_FILE = "attempts.jsonl"


class TrainingFailedError(Exception):
    """The training raised an exception, because of its hyperparameters or its data."""


@functools.cache
def check_installation(trainer: type[Trainer]) -> None:
    """Check that `trainer` can train on this machine, once in each process.

    An exception here is a fault of the installation, never of a trial.

    Raises
    ------
    MachineError
        If it cannot.
    """
    try:
        trainer.check_installation()
    except MachineError:
        raise
    except Exception as error:
        raise MachineError(f"training cannot run here: {_describe(error)}") from error


def warm_up(trainer: TrainerSpec) -> None:
    """Import a trainer before the first job; a fault is reported by that job."""
    with contextlib.suppress(Exception):
        check_installation(trainer.load())


def read_versions(trainer: type[Trainer]) -> dict[str, str]:
    """Read the versions that the last bits of `trainer`'s results depend on, by name.

    Raises
    ------
    MachineError
        If a library that it needs cannot be used.
    """
    return {**machine_versions(), **trainer.versions()}


@contextlib.contextmanager
def separating_training_errors() -> Iterator[None]:
    """Distinguish exceptions of the training from those of the machine.

    Raises
    ------
    TrainingFailedError
        For any exception that does not come from the installation or the machine. Those are raised
        unchanged, except `OSError`, which becomes a `MachineError` as training opens no files.
    """
    try:
        yield
    except OSError as error:
        raise MachineError(_describe(error)) from error
    except Exception as error:
        if isinstance(error, HpsearchError) or is_machine_failure(error):
            raise
        raise TrainingFailedError(_describe(error)) from error


def from_training(epochs: Iterator[Value]) -> Iterator[Value]:
    """Yield `epochs`; exceptions are raised as by `separating_training_errors`."""
    while True:
        with separating_training_errors():
            epoch = next(epochs, None)
        if epoch is None:
            return
        yield epoch


def describe_failure(job: TrialJob, error: Exception) -> TrialResult:
    """Make the result of a job that ended with `error`: a failed trial, or a failure of the study.

    The result has a new exception: `error` refers to the frames that it was raised in, and with
    them to the trial's arrays.
    """
    if isinstance(error, TrainingFailedError):
        return TrialResult(job.number, State.FAILED, (), reason=str(error))
    if isinstance(error, ArithmeticError):  # of the model's values, wherever raised
        return TrialResult(job.number, State.FAILED, (), reason=_describe(error))
    return TrialResult(job.number, State.WAITING, (), failure=_classify(job, error))


def _classify(job: TrialJob, error: Exception) -> HpsearchError:
    """Make the error for which the study stops."""
    if isinstance(error, DataError | MachineError | StoreError):
        return type(error)(str(error))
    if isinstance(error, OSError) and not is_machine_failure(error):
        return StoreError(_describe(error))
    if isinstance(error, MemoryError):
        values = ", ".join(f"{name} = {v}" for name, v in job.hyperparameters.items())
        return MachineError(
            f"not enough memory for trial {job.number} ({values}): {_describe(error)}; fewer "
            "--jobs need less; if it can never fit, give a study with a smaller space another name"
        )
    return MachineError(_describe(error))


def _describe(error: Exception) -> str:
    """Format class and message of `error` as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def note_attempt(folder: Path, from_epoch: int) -> None:
    """Log that a worker starts the trial in `folder`, with `from_epoch` epochs completed."""
    attempt = {"from_epoch": from_epoch, "host": platform.node(), "started_at": time.time()}
    append_line(folder / ATTEMPTS_FILE, json.dumps(attempt))


def read_attempts(folder: Path) -> Attempts:
    """Count the attempts at the trial in `folder`, in all and since its last completed epoch."""
    try:
        lines = (folder / ATTEMPTS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return Attempts(0, 0, 0)
    starts = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):  # torn or damaged
            starts.append(int(json.loads(line)["from_epoch"]))
    reached = 0
    with contextlib.suppress(DamagedDataError):
        reached = len(load_history(folder / HISTORY_FILE))
    return Attempts(len(starts), reached, sum(start >= reached for start in starts))
