"""Running a job in a worker: a pure function, except that it writes the trial's folder."""

import contextlib
import dataclasses
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from threadpoolctl import threadpool_limits

from hpsearch import training
from hpsearch.data import PreparedData, open_folds, open_split
from hpsearch.differences import merge_versions
from hpsearch.errors import DamagedDataError, MachineError
from hpsearch.execution.task import is_wanted
from hpsearch.hashing import hash_arrays
from hpsearch.net import Parameters
from hpsearch.objective.attempts import note_attempt
from hpsearch.objective.cross_validation import CrossValidation
from hpsearch.objective.failures import (
    check_installation,
    describe_failure,
    from_training,
    separating_training_errors,
)
from hpsearch.objective.job import Outcome, TrialJob, TrialResult
from hpsearch.objective.net_training import NetTraining, Training
from hpsearch.objective.workplace import attach_files, localized
from hpsearch.training import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Checkpoint,
    Epoch,
    HistoryWriter,
    NetState,
    WeightSnapshots,
    add_snapshot,
    load_checkpoint,
    save_checkpoint,
    save_predictions,
    snapshot_epochs,
    start_snapshots,
)

__all__ = ["run_job"]


def run_job(job: TrialJob) -> TrialResult:
    """Train the job's net, from its checkpoint if there is one, until it ends or must stop.

    Never raises, as joblib would then cancel the other trials too. Only an exception of the
    training itself fails the trial; any other is returned as a reason for the study to stop.
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
    try:
        check_installation()
        with localized(job) as local:
            result = attach_files(_run(local), local, job)
    except Exception as error:
        result = describe_failure(job, error)
    versions = result.versions
    if not versions:
        with contextlib.suppress(MachineError):
            versions = training.read_versions()
    return dataclasses.replace(result, host=platform.node(), versions=versions)


def _run(job: TrialJob) -> TrialResult:
    job.folder.mkdir(parents=True, exist_ok=True)
    run = _start_or_resume(job)
    if run.epochs:  # after a crash between the two writes the history may lack an epoch
        run.history.save(run.epochs)
    note_attempt(job.folder, len(run.epochs))
    return dataclasses.replace(_train(job, run), versions=run.versions)


@dataclass
class _Run:
    """State of a running job: its training, and all else that checkpoint and history hold."""

    training: Training
    epochs: tuple[Epoch, ...]
    snapshots: WeightSnapshots
    versions: dict[str, str]
    history: HistoryWriter


def _train(job: TrialJob, run: _Run) -> TrialResult:
    n_done = len(run.epochs)
    for epoch in from_training(_replay_then_train(job, run)):
        if epoch.number > n_done:
            if (job.lease and not job.lease.is_valid()) or not is_wanted():
                return TrialResult(job.number, Outcome.INTERRUPTED, run.epochs)
            run.epochs = (*run.epochs, epoch)
            _save(job, run)
            # Not durable: if the machine fails, the checkpoint has the epochs that are lost here.
            run.history.save(run.epochs, durable=False)
        if epoch.diverged:
            return _finish(job, Outcome.PRUNED, run)
        is_last = epoch.number == job.hyperparameters.epochs
        if not is_last and job.pruning and job.pruning(epoch.number, epoch.val_score):
            return _finish(job, Outcome.PRUNED, run)
    if not job.is_refit:  # a refit has no validation examples
        path, n_classes = job.folder / PREDICTIONS_FILE, run.training.first.split.n_classes
        save_predictions(path, run.training.predict(), n_classes)
    net_sha256 = hash_arrays(run.training.arrays())
    return dataclasses.replace(_finish(job, Outcome.COMPLETE, run), net_sha256=net_sha256)


def _start_or_resume(job: TrialJob) -> _Run:
    try:
        checkpoint = load_checkpoint(job.folder / CHECKPOINT_FILE)
    except (FileNotFoundError, DamagedDataError):
        checkpoint = None
    if checkpoint and checkpoint.identity != job.identity():
        checkpoint = None
    history, versions = HistoryWriter(job.folder / HISTORY_FILE), training.read_versions()
    if checkpoint is None:
        return _Run(_open_training(job), (), WeightSnapshots(), versions, history)
    begun = _open_training(job, checkpoint.states, len(checkpoint.epochs))
    versions = merge_versions(checkpoint.versions, versions)
    return _Run(begun, checkpoint.epochs, checkpoint.snapshots, versions, history)


def _open_training(job: TrialJob, states: Sequence[NetState] = (), n_epochs: int = 0) -> Training:
    """Create the job's training, from `states` after `n_epochs` epochs, or from its start."""

    def begin(
        data: PreparedData, seed: np.random.SeedSequence, state: NetState | None
    ) -> NetTraining:
        hyperparameters = job.hyperparameters
        split = open_split(data).with_inputs(hyperparameters.inputs)
        with separating_training_errors():
            return NetTraining(split, hyperparameters, seed, job.count_threads, state, n_epochs)

    if not job.data.folds or job.is_refit:
        return begin(job.data, job.seed(), states[0] if states else None)
    folds = job.data.folds
    seeds = job.seed().spawn(len(folds))
    trainings = [begin(*fold) for fold in zip_longest(folds, seeds, states)]
    return CrossValidation(trainings, open_folds(job.data))


def _replay_then_train(job: TrialJob, run: _Run) -> Iterator[Epoch]:
    """Yield completed epochs, so that the pruner sees them too, then train the others."""
    done = run.epochs
    yield from done
    if done and done[-1].diverged:
        return
    for _ in range(len(done), job.hyperparameters.epochs):
        epoch = run.training.train_epoch()
        yield _score_diverged(epoch, run) if epoch.diverged else epoch


def _score_diverged(epoch: Epoch, run: _Run) -> Epoch:
    """Score an epoch in which training diverged: with what was known before it.

    These are the scores of the previous epoch; before the first, those of the best constant
    prediction.
    """
    if run.epochs:
        score, others = run.epochs[-1].val_score, run.epochs[-1].val_others
    else:
        metric = run.training.first.split.metric
        measured = metric.measure_constant(run.training.validation_targets)
        score, others = measured.pop(metric.name), measured
    return dataclasses.replace(epoch, val_score=score, val_others=others)


def _save(job: TrialJob, run: _Run) -> None:
    n_epochs, n_done = job.hyperparameters.epochs, len(run.epochs)
    # No training continues from the last epoch: only the final net is needed.
    states = run.training.states(is_last=n_done == n_epochs)
    has_snapshots = run.training.first.split.image_shape is not None and not run.epochs[-1].diverged
    if has_snapshots and n_done in snapshot_epochs(n_epochs):
        run.snapshots = _take_snapshot(run, states[0].net)
    checkpoint = Checkpoint(job.identity(), states, run.epochs, run.snapshots, run.versions)
    save_checkpoint(job.folder / CHECKPOINT_FILE, checkpoint)


def _take_snapshot(run: _Run, net: Parameters) -> WeightSnapshots:
    shown = run.training.first
    preprocessing, n_done = shown.split.image_preprocessing, len(run.epochs)
    if n_done > 1:
        return add_snapshot(run.snapshots, n_done, net, preprocessing)
    return start_snapshots(shown.draw_initial_net(), net, preprocessing)


def _finish(job: TrialJob, outcome: Outcome, run: _Run) -> TrialResult:
    run.history.save(run.epochs)
    rungs = job.pruning.rungs() if job.pruning else None
    return TrialResult(job.number, outcome, run.epochs, rungs=rungs)
