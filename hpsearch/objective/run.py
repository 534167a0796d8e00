"""Running a job: what happens in the worker. A pure function but for the trial's folder."""

import contextlib
import dataclasses
import platform
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from hpsearch import training
from hpsearch.data import Split, open_split
from hpsearch.differences import merge_versions
from hpsearch.errors import DamagedDataError, MachineError
from hpsearch.execution.task import is_wanted
from hpsearch.hashing import hash_arrays
from hpsearch.net import Parameters
from hpsearch.objective.attempts import note_attempt
from hpsearch.objective.failures import (
    blaming_training,
    check_installation,
    describe_failure,
    from_training,
)
from hpsearch.objective.job import Outcome, TrialJob, TrialResult
from hpsearch.objective.workplace import attach_files, working_here
from hpsearch.training import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Checkpoint,
    Epoch,
    Film,
    HistoryWriter,
    OptimizerState,
    averaged,
    film_epochs,
    film_next,
    load_checkpoint,
    predict,
    save_checkpoint,
    save_predictions,
    start_film,
)

__all__ = ["run_job"]


def run_job(job: TrialJob) -> TrialResult:
    """Train the job's net, from its checkpoint if there is one, until it ends or must stop.

    Never raises for what may go wrong in a trial: joblib would take the other trials down too.
    Only an exception of the training itself makes the trial a failed one; any other is returned
    as a reason for the study to stop. BLAS keeps the job's number of threads in this process
    afterwards.

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
        check_installation()
        with working_here(job) as here:
            result = attach_files(_run(here), here, job)
    except Exception as error:
        result = describe_failure(job, error)
    versions = result.versions
    if not versions:
        with contextlib.suppress(MachineError):
            versions = training.read_versions()
    return dataclasses.replace(result, host=platform.node(), versions=versions)


def _run(job: TrialJob) -> TrialResult:
    job.folder.mkdir(parents=True, exist_ok=True)
    split = open_split(job.data).with_inputs(job.hyperparameters.inputs)
    history = HistoryWriter(job.folder / HISTORY_FILE)
    state, epochs = _start_or_resume(job, split, history)
    note_attempt(job.folder, len(epochs))
    result = _train(job, split, history, state, epochs)
    return dataclasses.replace(result, versions=state.versions)


def _train(
    job: TrialJob, split: Split, history: HistoryWriter, state: "_State", epochs: tuple[Epoch, ...]
) -> TrialResult:
    for epoch in from_training(_replay_then_train(job, split, state, epochs)):
        if epoch.number > len(epochs):
            if (job.lease and not job.lease.is_valid()) or not is_wanted():
                return TrialResult(job.number, Outcome.INTERRUPTED, epochs)
            epochs = (*epochs, epoch)
            _save(job, split, state, epochs)
            # While the trial runs, what a machine that fails takes of it is in the checkpoint.
            history.save(epochs, durable=False)
        if epoch.diverged:
            return _finish(job, Outcome.PRUNED, epochs, history)
        is_last = epoch.number == job.hyperparameters.epochs
        if not is_last and job.pruning and job.pruning(epoch.number, epoch.val_score):
            return _finish(job, Outcome.PRUNED, epochs, history)
    net = averaged(state.net, state.memory)
    _save_predictions(job, split, net)
    net_sha256 = hash_arrays({**net, **split.arrays()})
    result = _finish(job, Outcome.COMPLETE, epochs, history)
    return dataclasses.replace(result, net_sha256=net_sha256)


@dataclass
class _State:
    """All that training changes; `epochs` apart, what a checkpoint holds."""

    net: Parameters
    memory: OptimizerState
    rng: np.random.Generator
    film: Film
    versions: dict[str, str]


def _start_or_resume(
    job: TrialJob, split: Split, history: HistoryWriter
) -> tuple[_State, tuple[Epoch, ...]]:
    rng, versions = np.random.default_rng(job.seed()), training.read_versions()
    try:
        checkpoint = load_checkpoint(job.folder / CHECKPOINT_FILE)
    except (FileNotFoundError, DamagedDataError):
        checkpoint = None
    if checkpoint and checkpoint.identity == job.identity():
        rng.bit_generator.state = checkpoint.generator_state
        # A crash between the two files may have left the history an epoch behind.
        history.save(checkpoint.epochs)
        versions = merge_versions(checkpoint.versions, versions)
        net, memory, film = checkpoint.net, checkpoint.memory, checkpoint.film
        return _State(net, memory, rng, film, versions), checkpoint.epochs
    with blaming_training():
        net = training.make_net(split, job.hyperparameters, rng)
    return _State(net, {}, rng, Film(), versions), ()


def _replay_then_train(
    job: TrialJob, split: Split, state: _State, done: tuple[Epoch, ...]
) -> Iterator[Epoch]:
    """The epochs done, so that the pruner sees them too, then those to come."""
    yield from done
    if done and done[-1].diverged:
        return
    yield from training.train(
        state.net,
        split,
        job.hyperparameters,
        state.rng,
        memory=state.memory,
        completed_epochs=len(done),
        count_threads=job.count_threads,
    )


def _save(job: TrialJob, split: Split, state: _State, epochs: tuple[Epoch, ...]) -> None:
    net, memory = state.net, state.memory
    if len(epochs) == job.hyperparameters.epochs:
        # Nothing goes on from here: the net to be used is all that is wanted.
        net, memory = averaged(net, memory), {}
    is_filmed = split.image_shape is not None and not epochs[-1].diverged
    if is_filmed and len(epochs) in film_epochs(job.hyperparameters.epochs):
        state.film = _film(job, split, state.film, len(epochs), net)
    generator_state = dict(state.rng.bit_generator.state)
    checkpoint = Checkpoint(
        job.identity(), net, generator_state, epochs, memory, state.film, state.versions
    )
    save_checkpoint(job.folder / CHECKPOINT_FILE, checkpoint)


def _film(job: TrialJob, split: Split, film: Film, epoch: int, net: Parameters) -> Film:
    if epoch > 1:
        return film_next(film, epoch, net, split.image_preprocessing)
    # Drawn once more rather than kept for an epoch: the weights of a wide net fill memory.
    initial = training.make_net(split, job.hyperparameters, np.random.default_rng(job.seed()))
    return start_film(initial, net, split.image_preprocessing)


def _save_predictions(job: TrialJob, split: Split, net: Parameters) -> None:
    predicted = predict(net, split.validation_inputs, split.target_scale)
    save_predictions(job.folder / PREDICTIONS_FILE, predicted, split.n_classes)


def _finish(
    job: TrialJob, outcome: Outcome, epochs: tuple[Epoch, ...], history: HistoryWriter
) -> TrialResult:
    history.save(epochs)
    rungs = job.pruning.rungs() if job.pruning else None
    return TrialResult(job.number, outcome, epochs, rungs=rungs)
