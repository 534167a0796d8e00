"""Running a job in a worker: a pure function, except that it writes the trial's folder."""

import contextlib
import dataclasses
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from threadpoolctl import threadpool_limits

from hpsearch.datasets import PreparedData, open_folds, open_splits
from hpsearch.engine.execution.lease import is_wanted
from hpsearch.engine.records import State
from hpsearch.engine.training.cross_validation import CrossValidation
from hpsearch.engine.training.fit import Fit, Training
from hpsearch.engine.training.job import TrialJob
from hpsearch.engine.training.trial_failures import (
    check_installation,
    describe_failure,
    from_training,
    note_attempt,
    read_versions,
    separating_training_errors,
)
from hpsearch.engine.training.workplace import attach_files, localized
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Checkpoint,
    Epoch,
    FitState,
    HistoryWriter,
    load_checkpoint,
    save_checkpoint,
    save_predictions,
)
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.differences import merge_versions
from hpsearch.foundations.errors import DamagedDataError, HpsearchError
from hpsearch.trainers import Trainer, is_resumable
from hpsearch.trainers.state import hash_state

__all__ = ["run_job"]


def run_job(job: TrialJob) -> TrialResult:
    """Train the job's model, from its checkpoint if there is one, until it ends or must stop.

    Never raises, as joblib would then cancel the other trials too. Only an exception of the
    training itself fails the trial; any other is returned as the failure for which the study stops.
    BLAS keeps the job's number of threads in this process afterwards.

    Parameters
    ----------
    job : TrialJob
        The job.

    Returns
    -------
    TrialResult
        Equal, bit for bit, however often the trial was interrupted and continued.
    """
    # Never restored: another trial may be running in another thread of this process.
    threadpool_limits(job.threads)
    trainer: type[Trainer] | None = None
    try:
        trainer = job.trainer.load()
        check_installation(trainer)
        with localized(job) as local:
            result = attach_files(_run(local, trainer), local, job)
    except Exception as error:
        result = describe_failure(job, error)
    versions = result.versions
    if not versions and trainer:
        with contextlib.suppress(HpsearchError):
            versions = read_versions(trainer)
    return dataclasses.replace(result, host=platform.node(), versions=versions)


def _run(job: TrialJob, trainer: type[Trainer]) -> TrialResult:
    job.folder.mkdir(parents=True, exist_ok=True)
    run = _start_or_resume(job, trainer)
    if run.epochs:  # after a crash between the two writes the history may lack an epoch
        run.history.save(run.epochs)
    note_attempt(job.folder, len(run.epochs))
    return dataclasses.replace(_train(job, run), versions=run.versions)


@dataclass
class _Run:
    """State of a running job: its training, and all else that checkpoint and history hold."""

    training: Training
    epochs: tuple[Epoch, ...]
    versions: dict[str, str]
    history: HistoryWriter
    is_resumable: bool


def _train(job: TrialJob, run: _Run) -> TrialResult:
    n_done = len(run.epochs)
    for epoch in from_training(_replay_then_train(job, run)):
        if epoch.number > n_done:
            if (job.lease and not job.lease.is_valid()) or not is_wanted():
                return TrialResult(job.number, State.WAITING, run.epochs)
            run.epochs = (*run.epochs, epoch)
            _save(job, run)
            # Not durable: if the machine fails, the checkpoint has the epochs that are lost here.
            run.history.save(run.epochs, durable=False)
        if epoch.diverged:
            return _finish(job, State.PRUNED, run)
        is_last = epoch.number == job.n_epochs
        if not is_last and job.pruning and job.pruning(epoch.number, epoch.val_score):
            return _finish(job, State.PRUNED, run)
    if not job.is_refit:  # a refit has no validation examples
        with separating_training_errors():
            predictions = run.training.predict()
        path, n_classes = job.folder / PREDICTIONS_FILE, job.data.schema.n_classes
        save_predictions(path, predictions, n_classes)
    net_sha256 = None
    if run.is_resumable:
        with separating_training_errors():
            net_sha256 = hash_state(run.training.model_state())
    return dataclasses.replace(_finish(job, State.COMPLETE, run), net_sha256=net_sha256)


def _start_or_resume(job: TrialJob, trainer: type[Trainer]) -> _Run:
    try:
        checkpoint = load_checkpoint(job.folder / CHECKPOINT_FILE)
    except (FileNotFoundError, DamagedDataError):
        checkpoint = None
    if checkpoint and checkpoint.identity != job.identity():
        checkpoint = None
    history, versions = HistoryWriter(job.folder / HISTORY_FILE), read_versions(trainer)
    resumable = is_resumable(trainer)
    if checkpoint is None:
        return _Run(_open_training(job, trainer), (), versions, history, resumable)
    begun = _open_training(job, trainer, checkpoint.states)
    versions = merge_versions(checkpoint.versions, versions)
    return _Run(begun, checkpoint.epochs, versions, history, resumable)


def _open_training(
    job: TrialJob, trainer: type[Trainer], states: Sequence[FitState] = ()
) -> Training:
    """Create the job's training, from `states`, or from its start."""

    def begin(data: PreparedData, seed: np.random.SeedSequence, state: FitState | None) -> Fit:
        splits, setting = open_splits(data), job.hyperparameters
        with separating_training_errors():
            return Fit(trainer, data.schema, splits, setting, seed, job.threads, state)

    if not job.data.folds or job.is_refit:
        return begin(job.data, job.seed(), states[0] if states else None)
    folds = job.data.folds
    seeds = job.seed().spawn(len(folds))
    fits = [begin(*fold) for fold in zip_longest(folds, seeds, states)]
    return CrossValidation(fits, open_folds(job.data), job.data.schema.metric)


def _replay_then_train(job: TrialJob, run: _Run) -> Iterator[Epoch]:
    """Yield completed epochs, so that the pruner sees them too, then train the others."""
    done = run.epochs
    yield from done
    if done and done[-1].diverged:
        return
    for number in range(len(done) + 1, job.n_epochs + 1):
        yield run.training.train_epoch(number, run.epochs[-1] if run.epochs else None)


def _save(job: TrialJob, run: _Run) -> None:
    if not run.is_resumable:
        return
    with separating_training_errors():
        states = run.training.states()
    checkpoint = Checkpoint(job.identity(), states, run.epochs, run.versions)
    save_checkpoint(job.folder / CHECKPOINT_FILE, checkpoint, run.history)


def _finish(job: TrialJob, state: State, run: _Run) -> TrialResult:
    run.history.save(run.epochs)
    rungs = job.pruning.rungs() if job.pruning else None
    return TrialResult(job.number, state, run.epochs, rungs=rungs)
