"""A run of a study: open it, run its trials, select the best net, evaluate it on the test set."""

import contextlib
import threading
from collections.abc import Iterator
from functools import partial

from hpsearch.api.publishing.mlflow_publisher import MlflowPublisher, tracking_store
from hpsearch.datasets import open_validation
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.execution import Backend, open_backend
from hpsearch.engine.models import Model, export_model
from hpsearch.engine.records import MLFLOW_ADDRESS
from hpsearch.engine.scheduling.events import (
    ConfirmationEnded,
    EvaluationRefused,
    Event,
    MirrorBehind,
    ModelChosen,
    RecordWarned,
    RefitEnded,
    StudyEnded,
    StudyOpened,
    TestScored,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialStarted,
    VersionsCompared,
    WinnerJudged,
    WorkersSurveyed,
)
from hpsearch.engine.scheduling.record_warnings import VersionWatch, list_warnings
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.scheduling.scheduler import schedule_jobs
from hpsearch.engine.scheduling.session import Session, open_session
from hpsearch.engine.scheduling.trial_queue import retry_failed
from hpsearch.engine.search import is_complete, read_refits, translate_storage_errors
from hpsearch.engine.selection import (
    find_best_model,
    has_best_model,
    judge_selection,
    note_selection,
    read_verdict,
    shed_checkpoints,
)
from hpsearch.engine.test_evaluation import evaluate_once
from hpsearch.engine.training.survey import WorkerSurvey, report_from_here, work_out
from hpsearch.engine.training.trial_failures import read_versions, warm_up
from hpsearch.foundations.errors import RefusedError
from hpsearch.foundations.machine_failures import check_address_space
from hpsearch.foundations.versions import machine_versions

__all__ = ["run_study"]

# Longest time that the end of a run waits for MLflow; `hpsearch reconcile` writes the rest.
_PATIENCE_S = 120.0
# Longest part of that without progress, if MLflow is a server: it may hang.
_STALL_S = 30.0


def run_study(
    definition: StudyDefinition, options: RunOptions, stop: threading.Event
) -> Iterator[Event]:
    """Run a study to its number of trials, or continue it.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    options : RunOptions
        Options of the run.
    stop : threading.Event
        Set it to stop at the next epoch boundary; the study can then be run again.

    Yields
    ------
    Event
        Progress of the study. After `StudyEnded` only MLflow is still being written; a
        `MirrorBehind` follows if that fails.

    Raises
    ------
    HpsearchError
        If the study cannot be opened or its stores fail; nothing that was recorded is lost.
    """
    check_address_space()
    store = tracking_store(options)
    with (
        translate_storage_errors(definition.name),
        open_backend(
            options.backend, partial(warm_up, definition.trainer.spec()), options.devices
        ) as backend,
        open_session(
            definition, options, partial(_start_workers, definition, options, backend)
        ) as session,
        _stopping_after(options.timeout_s, stop),
    ):
        search = session.search
        n_jobs = _count_jobs(definition, options, backend)
        reopened = list(retry_failed(session)) if options.retry_failed else []
        yield StudyOpened(definition, search.records(), n_jobs, session.data.notices)
        yield from reopened
        yield from map(RecordWarned, list_warnings(session))
        publisher = MlflowPublisher(session, store)
        try:
            publisher.show_study("RUNNING")
            survey = _survey(session, backend)
            if survey.n_workers:
                yield WorkersSurveyed(survey)
            watch = VersionWatch(search.records())
            best_few = shed_checkpoints(search.records(), session.folder)
            if differences := _compare_versions(session, watch, backend):
                yield VersionsCompared(differences)
            shares_folder = not survey.blind_hosts
            for event in schedule_jobs(session, backend, n_jobs, stop, shares_folder=shares_folder):
                if isinstance(event, TrialEnded):
                    session.add_checksum(event.record.number)
                    best_few = shed_checkpoints([*best_few, event.record], session.folder)
                _show(publisher, session, event)
                yield event
                if differences := _compare_ended(watch, event):
                    yield VersionsCompared(differences)
            # If stopped from here on, the next run does the study's end from its beginning.
            has_ended = is_complete(search) and not stop.is_set()
            model = None
            if has_ended and (model := _choose_model(session)):
                publisher.draw_ahead(model)
                yield _judge(session)
                yield ModelChosen(model)
                if has_ended := not stop.is_set():
                    yield _score(session, model)
        except BaseException:
            publisher.catch_up()
            publisher.show_study("KILLED")
            publisher.close(patience_s=5.0)
            raise
        publisher.catch_up()
        publisher.show_study("FINISHED" if has_ended else "KILLED", model)
        yield StudyEnded(search.records(), has_ended)
        if not publisher.close(_PATIENCE_S, _STALL_S if store.is_server else None, stop):
            yield MirrorBehind(str(publisher.failure))
        if publisher.address and search.attribute(MLFLOW_ADDRESS) != publisher.address:
            search.note(MLFLOW_ADDRESS, publisher.address)


def _count_jobs(definition: StudyDefinition, options: RunOptions, backend: Backend) -> int:
    """Count the workers: those asked for, or the slots, at most what lag or slots can use."""
    confirm = definition.confirm
    most = max(
        min(definition.lag, definition.trials), confirm.top * confirm.seeds if confirm else 0
    )
    slots = backend.count_slots(definition.threads_per_trial)
    return min(options.n_jobs or slots, max(most, slots))


def _start_workers(definition: StudyDefinition, options: RunOptions, backend: Backend) -> None:
    backend.start(_count_jobs(definition, options, backend))


def _survey(session: Session, backend: Backend) -> WorkerSurvey:
    """Check the environment of a cluster's workers, unless there is nothing left to run."""
    if is_complete(session.search):
        return WorkerSurvey()
    trainer = session.definition.trainer.spec()
    question = partial(report_from_here, session.lease, session.data, trainer)
    survey = work_out(backend.ask_workers(question), trainer)
    if survey.failures:
        first = survey.failures[0]
        raise type(first)(
            f"{session.definition.name}: {len(survey.failures)} of {survey.n_workers} workers "
            f"cannot work: {first}"
        )
    return survey


def _compare_versions(session: Session, watch: VersionWatch, backend: Backend) -> list[str]:
    """Compare this run's versions with those of earlier trials, unless nothing is left to run."""
    records = session.search.records()
    if is_complete(session.search) or not any(record.versions for record in records):
        return []
    if backend.devices:  # only workers have them; a trial's end reports the trainer's own versions
        return watch.compare(machine_versions())
    return watch.compare(read_versions(session.definition.trainer.load()))


def _compare_ended(watch: VersionWatch, event: Event) -> list[str]:
    """Compare the versions of what has ended, a trial, confirmation or refit, with earlier ones."""
    match event:
        case TrialEnded(ended) | ConfirmationEnded(ended) | RefitEnded(ended):
            return watch.add(ended)
    return []


def _show(publisher: MlflowPublisher, session: Session, event: Event) -> None:
    match event:
        case TrialStarted() if session.search.next_number() is None:
            publisher.warm_up()
        case TrialAdvanced(job, epochs):
            publisher.show_running(session.search.record(job.number), epochs)
        case TrialEnded(record):
            publisher.show_ended(record)
        case TrialReleased(number):
            publisher.show_ended(session.search.record(number))


def _judge(session: Session) -> Event:
    search, (_, targets) = session.search, open_validation(session.data)
    selection = judge_selection(search.records(), session.folder, targets)
    note_selection(search, selection)
    return WinnerJudged(read_verdict(search))


def _choose_model(session: Session) -> Model | None:
    search, folder = session.search, session.folder
    records, refits = search.records(), read_refits(search)
    if not has_best_model(session.definition, records, refits):
        return None
    model = find_best_model(session.definition, records, folder, session.data, refits)
    export_model(model, folder.best_net)
    return model


def _score(session: Session, model: Model) -> Event:
    search, ledger = session.search, session.folder.test_ledger
    before = read_evaluations(search, ledger)
    try:
        evaluation = evaluate_once(model, session.data, search, ledger)
    except RefusedError as error:
        return EvaluationRefused(str(error))
    note = read_evaluations(search, ledger).count(evaluation)["note"]
    return TestScored(evaluation, note, is_new=evaluation not in before.own)


@contextlib.contextmanager
def _stopping_after(timeout_s: float | None, stop: threading.Event) -> Iterator[None]:
    timer = threading.Timer(timeout_s or 0.0, stop.set)
    timer.daemon = True
    if timeout_s is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
