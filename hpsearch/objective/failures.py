"""Whose fault an exception in a worker is: only what training raises is the trial's."""

import contextlib
import functools
from collections.abc import Iterator
from typing import TypeVar

from hpsearch import training
from hpsearch.errors import DataError, HpsearchError, MachineError
from hpsearch.machine import is_machine_failure
from hpsearch.objective.job import Outcome, TrialJob, TrialResult

__all__ = [
    "TrainingFailedError",
    "blaming_training",
    "check_installation",
    "describe_failure",
    "from_training",
]

Value = TypeVar("Value")


class TrainingFailedError(Exception):
    """Training raised, because of its hyperparameters or its data."""


@functools.cache
def check_installation() -> None:
    """Import and compile all that trains, and train one step, once in each process.

    Whatever this raises is no trial's fault.

    Raises
    ------
    MachineError
        If that fails.
    """
    try:
        training.check_training()
    except MachineError:
        raise
    except Exception as error:
        raise MachineError(f"training cannot run here: {one_line(error)}") from error


@contextlib.contextmanager
def blaming_training() -> Iterator[None]:
    """Tell exceptions of the training from those of the machine under it.

    Raises
    ------
    TrainingFailedError
        For any exception but those that come from the installation or the machine; these are
        raised as they are, and those of files, which training does not open, as a `MachineError`.
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
    """Yield `epochs`; see `blaming_training` for what is raised."""
    while True:
        with blaming_training():
            epoch = next(epochs, None)
        if epoch is None:
            return
        yield epoch


def describe_failure(job: TrialJob, error: Exception) -> TrialResult:
    """The result of a job that ended with `error`."""
    outcome, reason = Outcome.BROKEN, one_line(error)
    if isinstance(error, TrainingFailedError):
        outcome, reason = Outcome.FAILED, str(error)
    elif isinstance(error, ArithmeticError):  # of the net's numbers, wherever they are used
        outcome = Outcome.FAILED
    elif isinstance(error, DataError):
        outcome = Outcome.NO_DATA
    elif isinstance(error, MachineError):
        reason = str(error)
    elif isinstance(error, MemoryError):
        setting = ", ".join(f"{name} = {v}" for name, v in job.hyperparameters.model_dump().items())
        reason = (
            f"not enough memory for trial {job.number} ({setting}): {reason}; fewer --jobs need "
            "less; if it can never fit, give a study with a smaller space another name"
        )
    elif isinstance(error, OSError) and not is_machine_failure(error):
        outcome = Outcome.HALTED
    return TrialResult(job.number, outcome, (), reason=reason)


def one_line(error: Exception) -> str:
    """Kind and message of `error`."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
