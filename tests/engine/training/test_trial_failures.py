"""Failures of a trial: what is whose fault, and how often it was attempted."""

import errno
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.datasets import PreparedData
from hpsearch.engine.execution import Attempts
from hpsearch.engine.records import State
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training import trial_failures as module
from hpsearch.engine.training.trial_failures import ATTEMPTS_FILE, note_attempt, read_attempts
from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, save_history
from hpsearch.foundations.errors import (
    MachineError,
    MissingDataError,
    OutdatedDataError,
    StoreError,
)
from hpsearch.trainers import TrainingData
from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
from tests.conftest import TWO_LAYER_NET

EPOCH = Epoch(1, 0.5, 1.0, 0.0)


@pytest.fixture
def job(digits: PreparedData, tmp_path: Path) -> TrialJob:
    setting = Hyperparameters(
        learning_rate=0.02,
        learning_rate_decay=0.9,
        reg=1e-3,
        hidden_size=12,
        epochs=2,
        batch_size=50,
        initial_std=0.01,
    )
    # Imports what trains, which a test replaces; imported later, the replacement would stay.
    module.check_installation(TwoLayerNetTrainer)
    values = setting.model_dump()
    return TrialJob(3, 0, TWO_LAYER_NET, values, digits, tmp_path / "trial", 1)


def _raise(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def _raise_after_an_epoch(error: BaseException) -> Callable[..., Any]:
    real = TwoLayerNetTrainer.train_epoch

    def train(trainer: TwoLayerNetTrainer, data: TrainingData) -> Any:
        if data.epoch > 1:
            raise error
        return real(trainer, data)

    return train


def _from(cause: BaseException) -> RuntimeError:
    error = RuntimeError("training broke down")
    error.__cause__ = cause
    return error


class NumbaError(Exception):
    """As numba raises, by its module's name."""

    __module__ = "numba.core.errors"


MACHINE = [
    ImportError("libopenblas.so: cannot open shared object file"),
    EOFError("Ran out of input"),
    pickle.UnpicklingError("pickle data was truncated"),
    NotImplementedError("intrinsic"),
    OSError(errno.EIO, "Input/output error"),
    SystemError("error return without exception set"),
    NumbaError("failed in nopython mode"),
    RuntimeError("can't start new thread"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    _from(MemoryError("Unable to allocate 2 TiB")),
    MemoryError("Unable to allocate 2 TiB"),
]


@pytest.mark.parametrize("error", MACHINE, ids=lambda error: str(error)[:20])
@pytest.mark.parametrize("raising", [_raise, _raise_after_an_epoch])
def test_a_machine_that_fails_while_it_trains_fails_no_trial(
    raising: Callable[..., Any],
    error: Exception,
    job: TrialJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", raising(error))
    result = run_job(job)
    assert result.state == State.WAITING
    assert isinstance(result.failure, MachineError)
    assert str(error) in str(result.failure)


@pytest.mark.parametrize(
    "error", [ValueError("bad"), FloatingPointError("bad"), RuntimeError("bad"), KeyError("bad")]
)
@pytest.mark.parametrize(
    "place", ["__init__", "train_epoch", "predict", "state_dict", "model_state_dict"]
)
def test_what_training_raises_of_itself_fails_its_trial(
    place: str, error: Exception, job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TwoLayerNetTrainer, place, _raise(error))
    result = run_job(job)
    assert result.state == State.FAILED
    assert result.failure is None
    assert not result.ended_by_machine


@pytest.mark.parametrize(
    "place",
    ["open_splits", "load_checkpoint", "note_attempt", "save_checkpoint", "save_predictions"],
)
def test_errors_outside_the_training_fail_no_trial(
    place: str, job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"hpsearch.engine.training.worker.{place}", _raise(ValueError("a defect")))
    result = run_job(job)
    assert result.state == State.WAITING
    assert isinstance(result.failure, MachineError)
    assert str(result.failure) == "ValueError: a defect"


def test_a_pruner_that_raises_fails_no_trial(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    result = run_job(dataclasses.replace(job, pruning=_raise(ValueError("no such rung"))))
    assert result.state == State.WAITING
    assert isinstance(result.failure, MachineError)


def test_a_memory_error_names_the_hyperparameters_of_its_trial(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = MemoryError("Unable to allocate 2 TiB")
    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", _raise(error))
    reason = str(run_job(job).failure)
    assert "trial 3 (learning_rate = 0.02" in reason
    assert "hidden_size = 12" in reason
    assert "Unable to allocate 2 TiB" in reason
    assert "\n" not in reason


@pytest.mark.parametrize("error", [AttributeError("no numpy.float"), ValueError("bad magic")])
def test_an_installation_that_cannot_train_fails_no_trial(
    error: Exception, job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is broken by: an attribute that is not there is no trial's fault either."""
    module.check_installation.cache_clear()
    monkeypatch.setattr("hpsearch.trainers.two_layer_net.selfcheck.check_training", _raise(error))
    result = run_job(job)
    assert result.state == State.WAITING
    assert isinstance(result.failure, MachineError)
    assert str(error) in str(result.failure)
    assert not job.folder.exists()
    module.check_installation.cache_clear()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("bad magic"), MachineError("ValueError: bad magic")),
        (OSError(errno.ENOSPC, "disk full"), StoreError("OSError: [Errno 28] disk full")),
        (StoreError("no file"), StoreError("no file")),
        (MissingDataError("no file"), MissingDataError("no file")),
        (OutdatedDataError("old"), OutdatedDataError("old")),
        (MachineError("no numba"), MachineError("no numba")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_that_is_not_the_trials_fault_reaches_the_coordinator_with_its_message(
    error: Exception, expected: Exception, job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.engine.training.worker.note_attempt", _raise(error))
    result = pickle.loads(pickle.dumps(run_job(job)))
    assert result.state == State.WAITING
    assert type(result.failure) is type(expected)
    assert str(result.failure) == str(expected)


def test_a_failure_does_not_keep_the_frames_of_its_trial(
    job: TrialJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers may be threads: the traceback would keep the trial's arrays."""
    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", _raise(MachineError("no numba")))
    failure = run_job(job).failure
    assert failure is not None
    assert (failure.__traceback__, failure.__context__) == (None, None)


def test_a_trial_that_was_never_begun_has_no_attempts(tmp_path: Path) -> None:
    assert read_attempts(tmp_path) == Attempts(0, 0, 0)


def test_attempts_are_counted_and_so_are_the_epochs_since(tmp_path: Path) -> None:
    """An attempt that dies after an epoch has come further, though it began where it did."""
    note_attempt(tmp_path, 0)
    assert read_attempts(tmp_path) == Attempts(1, 0, 1)
    save_history(tmp_path / HISTORY_FILE, [EPOCH])
    assert read_attempts(tmp_path) == Attempts(1, 1, 0)
    note_attempt(tmp_path, 1)
    assert read_attempts(tmp_path) == Attempts(2, 1, 1)


def test_a_torn_or_damaged_line_was_no_attempt(tmp_path: Path) -> None:
    note_attempt(tmp_path, 0)
    with (tmp_path / ATTEMPTS_FILE).open("a") as file:
        file.write('[]\n{"from')
    assert read_attempts(tmp_path).n_begun == 1


def test_a_damaged_history_counts_as_none(tmp_path: Path) -> None:
    note_attempt(tmp_path, 0)
    (tmp_path / HISTORY_FILE).write_bytes(b"garbage")
    assert read_attempts(tmp_path) == Attempts(1, 0, 1)
