"""Running a job: what happens in the worker. A pure function but for the trial's folder."""

import dataclasses
import platform
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from hpsearch.data import Split, open_split
from hpsearch.errors import DamagedDataError, DataError
from hpsearch.execution.task import is_wanted
from hpsearch.hashing import hash_arrays
from hpsearch.net import Parameters, make_parameters
from hpsearch.objective.attempts import note_attempt
from hpsearch.objective.job import Outcome, TrialJob, TrialResult
from hpsearch.objective.workplace import attach_files, working_here
from hpsearch.training import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Checkpoint,
    Epoch,
    classify,
    load_checkpoint,
    save_checkpoint,
    save_history,
    save_predictions,
    train,
)
from hpsearch.versions import machine_versions

__all__ = ["run_job"]


def run_job(job: TrialJob) -> TrialResult:
    """Train the job's net, from its checkpoint if there is one, until it ends or must stop.

    Never raises for what may go wrong in a trial: joblib would take the other trials down too.
    BLAS keeps the job's number of threads in this process afterwards.

    Parameters
    ----------
    job : TrialJob
        The trial.

    Returns
    -------
    TrialResult
        The same to the bit however often the trial was stopped and taken up again.
    """
    # Never set back: another trial may be running in another thread of this process.
    threadpool_limits(job.threads)
    try:
        with working_here(job) as here:
            result = attach_files(_run(here), here, job)
    except DataError as error:
        result = TrialResult(job.number, Outcome.NO_DATA, (), reason=_one_line(error))
    except OSError as error:
        result = TrialResult(job.number, Outcome.HALTED, (), reason=_one_line(error))
    except Exception as error:
        result = TrialResult(job.number, Outcome.FAILED, (), reason=_one_line(error))
    return dataclasses.replace(result, host=platform.node(), versions=machine_versions())


def _run(job: TrialJob) -> TrialResult:
    job.folder.mkdir(parents=True, exist_ok=True)
    split = open_split(job.data)
    net, rng, epochs = _start_or_resume(job, split)
    note_attempt(job.folder, len(epochs))
    for epoch in _replay_then_train(job, split, net, rng, epochs):
        if epoch.number > len(epochs):
            if (job.lease and not job.lease.is_valid()) or not is_wanted():
                return TrialResult(job.number, Outcome.INTERRUPTED, epochs)
            epochs = (*epochs, epoch)
            _save(job, net, rng, epochs)
        if epoch.diverged:
            return _finish(job, Outcome.PRUNED, epochs)
        is_last = epoch.number == job.hyperparameters.epochs
        if not is_last and job.pruning and job.pruning(epoch.number, epoch.val_accuracy):
            return _finish(job, Outcome.PRUNED, epochs)
    _save_predictions(job, split, net)
    net_sha256 = hash_arrays({**net, **split.preprocessing.arrays()})
    return dataclasses.replace(_finish(job, Outcome.COMPLETE, epochs), net_sha256=net_sha256)


def _start_or_resume(
    job: TrialJob, split: Split
) -> tuple[Parameters, np.random.Generator, tuple[Epoch, ...]]:
    rng = np.random.default_rng(job.seed())
    try:
        checkpoint = load_checkpoint(job.folder / CHECKPOINT_FILE)
    except (FileNotFoundError, DamagedDataError):
        checkpoint = None
    if checkpoint and checkpoint.identity == job.identity():
        rng.bit_generator.state = checkpoint.generator_state
        # A crash between the two files may have left the history an epoch behind.
        save_history(job.folder / HISTORY_FILE, checkpoint.epochs)
        return checkpoint.net, rng, checkpoint.epochs
    n_inputs, setting = split.preprocessing.n_inputs, job.hyperparameters
    net = make_parameters(n_inputs, setting.hidden_size, split.n_classes, setting.initial_std, rng)
    return net, rng, ()


def _replay_then_train(
    job: TrialJob,
    split: Split,
    net: Parameters,
    rng: np.random.Generator,
    done: tuple[Epoch, ...],
) -> Iterator[Epoch]:
    """The epochs done, so that the pruner sees them too, then those to come."""
    yield from done
    if done and done[-1].diverged:
        return
    yield from train(net, split, job.hyperparameters, rng, completed_epochs=len(done))


def _save(
    job: TrialJob, net: Parameters, rng: np.random.Generator, epochs: tuple[Epoch, ...]
) -> None:
    state = dict(rng.bit_generator.state)
    save_checkpoint(job.folder / CHECKPOINT_FILE, Checkpoint(job.identity(), net, state, epochs))
    save_history(job.folder / HISTORY_FILE, epochs)


def _save_predictions(job: TrialJob, split: Split, net: Parameters) -> None:
    labels = classify(net, split.preprocessing.apply(split.validation_images))
    save_predictions(job.folder / PREDICTIONS_FILE, labels, split.n_classes)


def _finish(job: TrialJob, outcome: Outcome, epochs: tuple[Epoch, ...]) -> TrialResult:
    rungs = job.pruning.rungs() if job.pruning else None
    return TrialResult(job.number, outcome, epochs, rungs=rungs)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
