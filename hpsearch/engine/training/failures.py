"""Classification of exceptions in a worker: only those of the training fail the trial."""

import contextlib
import functools
from collections.abc import Iterator
from typing import TypeVar

from hpsearch.engine.records import State
from hpsearch.engine.training.job import TrialJob
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.errors import DataError, HpsearchError, MachineError, StoreError
from hpsearch.foundations.machine_failures import is_machine_failure
from hpsearch.foundations.versions import machine_versions
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TrainerSpec

__all__ = [
    "TrainingFailedError",
    "check_installation",
    "describe_failure",
    "from_training",
    "read_versions",
    "separating_training_errors",
    "warm_up",
]

Value = TypeVar("Value")


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
        raise MachineError(f"training cannot run here: {one_line(error)}") from error


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
        raise MachineError(one_line(error)) from error
    except Exception as error:
        if isinstance(error, HpsearchError) or is_machine_failure(error):
            raise
        raise TrainingFailedError(one_line(error)) from error


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
        return TrialResult(job.number, State.FAILED, (), reason=one_line(error))
    return TrialResult(job.number, State.WAITING, (), failure=_classify(job, error))


def _classify(job: TrialJob, error: Exception) -> HpsearchError:
    """Make the error for which the study stops."""
    if isinstance(error, DataError | MachineError | StoreError):
        return type(error)(str(error))
    if isinstance(error, OSError) and not is_machine_failure(error):
        return StoreError(one_line(error))
    if isinstance(error, MemoryError):
        values = ", ".join(f"{name} = {v}" for name, v in job.hyperparameters.items())
        return MachineError(
            f"not enough memory for trial {job.number} ({values}): {one_line(error)}; fewer --jobs "
            "need less; if it can never fit, give a study with a smaller space another name"
        )
    return MachineError(one_line(error))


def one_line(error: Exception) -> str:
    """Format class and message of `error` as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
