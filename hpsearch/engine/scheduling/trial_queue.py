"""Queues of jobs: the trials of a study, then its refit and confirmations; failed ones again."""

import dataclasses
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.engine.records import State
from hpsearch.engine.scheduling.events import (
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
    RefitEnded,
    RefitReleased,
    TrialEnded,
    TrialReleased,
    TrialReopened,
)
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.search import (
    Trial,
    find_due_refit,
    forget_failed,
    forget_failed_refits,
    list_due,
    note_confirmation,
    note_refit,
    write_result,
)
from hpsearch.engine.training import TrialJob
from hpsearch.engine.training.prepare import prepare_job
from hpsearch.engine.trial_files import CHECKPOINT_FILE
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.errors import StoreError

__all__ = ["Confirmations", "Refits", "Trials", "retry_failed"]


@dataclass
class Trials:
    """Queue of the search's trials; a trial waits for those that it must know, by the study's lag.

    Parameters
    ----------
    session : Session
        The study.
    waits_for_lag : bool
        Whether the next trial waits for earlier ones to finish.
    """

    session: Session
    waits_for_lag: bool = False
    _running: dict[int, Trial] = field(default_factory=dict)

    def next_job(self) -> TrialJob | None:
        """Start the next trial; None if none is left or the next one may not start yet."""
        search = self.session.search
        number = search.next_number()
        self.waits_for_lag = number is not None and not search.may_start(number)
        if number is None or self.waits_for_lag:
            return None
        with search.writing_together():
            trial = self._running[number] = search.ask()
            return prepare_job(
                trial,
                self.session.definition,
                self.session.data,
                self.session.folder.trial(number),
                pruning=search.pruning_rule(number),
                lease=self.session.lease,
            )

    def record(self, job: TrialJob, result: TrialResult) -> Event:
        """Record the result of a finished trial."""
        trial = self._running.pop(job.number)
        write_result(trial, result)
        self.session.search.finish(trial, result.state, result.final_score)
        return TrialEnded(self.session.search.record(job.number))

    def give_back(self, job: TrialJob) -> Event:
        """Return the trial to the queue."""
        del self._running[job.number]
        self.session.search.release(job.number)
        return TrialReleased(job.number)


@dataclass
class Confirmations:
    """Queue of confirmations: the best trials again on fresh seeds, unknown to the search."""

    session: Session
    _running: set[tuple[int, int]] = field(default_factory=set)

    def next_job(self) -> TrialJob | None:
        """Start the next confirmation; None while trials are left, or if none is due."""
        session = self.session
        due = [key for key in list_due(session.search) if key not in self._running]
        if not due:
            return None
        number, replicate = due[0]
        self._running.add(due[0])
        folder = session.folder.confirmation(number, replicate)
        return dataclasses.replace(_train_again(session, number, folder), replicate=replicate)

    def record(self, job: TrialJob, result: TrialResult) -> Event:
        """Record the result of a confirmation, and delete its checkpoint, which nothing reads."""
        confirmation = result.as_confirmation(job.replicate)
        note_confirmation(self.session.search, confirmation)
        self._running.remove((job.number, job.replicate))
        (job.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        return ConfirmationEnded(confirmation)

    def give_back(self, job: TrialJob) -> Event:
        """Return the confirmation to the queue."""
        self._running.remove((job.number, job.replicate))
        return ConfirmationReleased(job)


@dataclass
class Refits:
    """Queue of the refit: with folds, the best trial trained again on the examples of all folds."""

    session: Session
    _running: int | None = None

    def next_job(self) -> TrialJob | None:
        """Start the refit; None while trials are left, or if none is due."""
        number = find_due_refit(self.session.search)
        if number is None or self._running is not None:
            return None
        self._running = number
        folder = self.session.folder.refit(number)
        return dataclasses.replace(_train_again(self.session, number, folder), is_refit=True)

    def record(self, job: TrialJob, result: TrialResult) -> Event:  # noqa: ARG002 # as other queues
        """Record the result of the refit."""
        refit = result.as_refit()
        note_refit(self.session.search, refit)
        self._running = None
        return RefitEnded(refit)

    def give_back(self, job: TrialJob) -> Event:
        """Return the refit to the queue."""
        self._running = None
        return RefitReleased(job)


def _train_again(session: Session, number: int, folder: Path) -> TrialJob:
    """Make a job that trains the hyperparameters of trial `number` again, without pruning."""
    return TrialJob(
        number=number,
        study_seed=session.definition.seed,
        trainer=session.definition.trainer.spec(),
        hyperparameters=session.search.record(number).hyperparameters,
        data=session.data,
        folder=folder,
        threads=session.definition.threads_per_trial,
        lease=session.lease,
    )


def retry_failed(session: Session) -> Iterator[Event]:
    """Return failed trials, confirmations and refits to their queues, with the same seeds.

    Checkpoints and attempts are deleted first, so that a crash in between leaves trials that are
    still failed. Evaluations of the test split still count.

    Parameters
    ----------
    session : Session
        The study, held by this process.

    Yields
    ------
    Event
        A `TrialReopened` for each trial, with the later trials that were proposed in knowledge of
        its failure.

    Raises
    ------
    StoreError
        If a folder cannot be removed.
    """
    search, folder = session.search, session.folder
    for record in search.records():
        if record.state == State.FAILED:
            _remove(folder.trial(record.number))
    for number in search.reopen_failed():
        yield TrialReopened(search.record(number))
    for number, replicate in forget_failed(search):
        _remove(folder.confirmation(number, replicate))
    for number in forget_failed_refits(search):
        _remove(folder.refit(number))


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"{folder}: cannot be removed ({error.strerror})") from error
