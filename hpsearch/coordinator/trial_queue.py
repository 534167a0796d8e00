"""What there is to run: the study's trials and, when they have ended, refit and confirmations."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.coordinator.events import (
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
    RefitEnded,
    RefitReleased,
    TrialEnded,
    TrialReleased,
)
from hpsearch.coordinator.session import Session
from hpsearch.objective import Outcome, TrialJob, TrialResult
from hpsearch.objective.prepare import prepare_job
from hpsearch.objective.record import record_result
from hpsearch.records import Confirmation, Refit, State
from hpsearch.search import Trial, find_due_refit, list_due, note_confirmation, note_refit
from hpsearch.training import CHECKPOINT_FILE, Hyperparameters

__all__ = ["Confirmations", "Refits", "Trials"]


@dataclass
class Trials:
    """The search itself, in the order and with the waits of law 1.

    Parameters
    ----------
    session : Session
        The study.
    waits_for_lag : bool
        Whether the next trial may not start yet.
    """

    session: Session
    waits_for_lag: bool = False
    _running: dict[int, Trial] = field(default_factory=dict)

    def next_job(self) -> TrialJob | None:
        """Start the trial whose turn it is; None if none is left or it may not start yet."""
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
                spare_cores=self.session.spare_cores,
            )

    def record(self, job: TrialJob, result: TrialResult) -> Event:
        """Write down how the trial ended."""
        trial = self._running.pop(job.number)
        record_result(trial, result)
        self.session.search.finish(trial, State(result.outcome), _value(result))
        return TrialEnded(self.session.search.record(job.number))

    def give_back(self, job: TrialJob) -> Event:
        """Let the trial wait to be continued."""
        del self._running[job.number]
        self.session.search.release(job.number)
        return TrialReleased(job.number)


@dataclass
class Confirmations:
    """The best settings on fresh seeds: run as trials are, but never seen by the search."""

    session: Session
    _running: set[tuple[int, int]] = field(default_factory=set)

    def next_job(self) -> TrialJob | None:
        """Start the next confirmation; None while a trial is to come, or if none is due."""
        session = self.session
        due = [key for key in list_due(session.search) if key not in self._running]
        if not due:
            return None
        number, replicate = due[0]
        self._running.add(due[0])
        folder = session.folder.confirmation(number, replicate)
        return dataclasses.replace(_train_again(session, number, folder), replicate=replicate)

    def record(self, job: TrialJob, result: TrialResult) -> Event:
        """Write down how the confirmation ended; its weights are needed no more."""
        confirmation = Confirmation(
            number=job.number,
            replicate=job.replicate,
            state=State(result.outcome),
            val_score=_value(result),
            net_sha256=result.net_sha256,
            duration_s=result.duration_s,
            reason=result.reason,
            versions=result.versions,
        )
        note_confirmation(self.session.search, confirmation)
        self._running.remove((job.number, job.replicate))
        (job.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        return ConfirmationEnded(confirmation)

    def give_back(self, job: TrialJob) -> Event:
        """Leave the confirmation to be continued."""
        self._running.remove((job.number, job.replicate))
        return ConfirmationReleased(job)


@dataclass
class Refits:
    """With folds the best setting on the examples of all: run as trials are, one at a time."""

    session: Session
    _running: int | None = None

    def next_job(self) -> TrialJob | None:
        """Start the refit; None while a trial is to come, or if none is due."""
        number = find_due_refit(self.session.search)
        if number is None or self._running is not None:
            return None
        self._running = number
        folder = self.session.folder.refit(number)
        return dataclasses.replace(_train_again(self.session, number, folder), is_refit=True)

    def record(self, job: TrialJob, result: TrialResult) -> Event:
        """Write down how the refit ended."""
        refit = Refit(
            number=job.number,
            state=State(result.outcome),
            net_sha256=result.net_sha256,
            duration_s=result.duration_s,
            reason=result.reason,
            versions=result.versions,
        )
        note_refit(self.session.search, refit)
        self._running = None
        return RefitEnded(refit)

    def give_back(self, job: TrialJob) -> Event:
        """Leave the refit to be continued."""
        self._running = None
        return RefitReleased(job)


def _train_again(session: Session, number: int, folder: Path) -> TrialJob:
    """A job with the setting of trial `number`, never pruned."""
    return TrialJob(
        number=number,
        study_seed=session.definition.seed,
        hyperparameters=Hyperparameters(**session.search.record(number).hyperparameters),
        data=session.data,
        folder=folder,
        threads=session.definition.threads_per_trial,
        lease=session.lease,
        spare_cores=session.spare_cores,
    )


def _value(result: TrialResult) -> float | None:
    return result.epochs[-1].val_score if result.outcome == Outcome.COMPLETE else None
