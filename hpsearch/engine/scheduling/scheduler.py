"""Scheduling loop: dispatch trials and record results, to the last trial or a requested stop."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.engine.execution import (
    Attempts,
    Backend,
    NoWorkersError,
    WorkerLostError,
    WorkerPool,
)
from hpsearch.engine.records import State
from hpsearch.engine.scheduling.events import (
    ConfirmationAdvanced,
    Event,
    RefitAdvanced,
    TrialAdvanced,
    TrialStarted,
)
from hpsearch.engine.scheduling.session import Session, SessionClock
from hpsearch.engine.scheduling.trial_queue import Confirmations, Refits, Trials
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.trial_failures import read_attempts
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Epoch,
    load_history,
    save_history,
)
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.errors import DamagedDataError, HpsearchError, MachineError, StoreError
from hpsearch.foundations.files import write_atomically

__all__ = ["schedule_jobs"]

# Polling interval of running trials' histories; also the longest delay of a stop.
_TICK_S = 0.5
# A network disk may briefly not show the lease; another coordinator's lease is permanent.
_MAX_SELF_STOPS = 3


def schedule_jobs(
    session: Session,
    backend: Backend,
    n_jobs: int,
    stop: threading.Event,
    *,
    shares_folder: bool = True,
) -> Iterator[Event]:
    """Run the study's trials, then refit and confirmations, at most `n_jobs` at a time.

    Parameters
    ----------
    session : Session
        The study, held by this process.
    backend : Backend
        What the workers run on.
    n_jobs : int
        Maximum number of running trials.
    stop : threading.Event
        Once set, no trial starts; running ones stop at the end of their epoch.
    shares_folder : bool
        Whether all workers see the study's folder. If not, a stop cancels running trials, and
        they start again from their first epoch.

    Yields
    ------
    Event
        Starts, epochs and ends of trials, refit and confirmations. Ends when nothing is running
        and nothing may start: all have ended, or `stop` is set.

    Raises
    ------
    MachineError, StoreError, DataError
        If a worker failed for a reason other than the training: a broken installation, a lack of
        memory, a full disk, missing data or a cluster that is gone. All running trials are
        returned to the queue first.
    """
    with WorkerPool(run_job, n_jobs, backend, _read_attempts, sees_attempts=shares_folder) as pool:
        trials, refits, confirmations = Trials(session), Refits(session), Confirmations(session)
        clock = SessionClock(session, n_jobs)
        scheduler = _Scheduler(
            session, pool, clock, stop, trials, refits, confirmations, backend.is_cluster
        )
        while True:
            yield from scheduler.dispatch()
            if stop.is_set() and pool.retries:
                pool.retries = False
                session.lease.revoke()
                if not shares_folder:
                    backend.cancel()
            if not pool.n_in_flight:
                break
            yield from scheduler.collect()
            if scheduler.halted:
                stop.set()
    if scheduler.halted:
        raise scheduler.halted


@dataclass
class _Scheduler:
    session: Session
    pool: WorkerPool[TrialJob, TrialResult]
    clock: SessionClock
    stop: threading.Event
    trials: Trials
    refits: Refits
    confirmations: Confirmations
    is_cluster: bool
    halted: HpsearchError | None = None
    _jobs: dict[Path, TrialJob] = field(default_factory=dict)
    _written_at: dict[Path, int] = field(default_factory=dict)
    _poll_at: float = field(default_factory=lambda: time.monotonic() + _TICK_S)
    _n_self_stops: Counter[Path] = field(default_factory=Counter)
    _last_killed: TrialJob | None = None

    def dispatch(self) -> Iterator[Event]:
        """Start all trials that may start now; after the last one, the refit and confirmations."""
        self.clock.waits_for_lag = False
        while self.pool.has_room and not self.halted and not self.stop.is_set():
            job = self.trials.next_job() or self.refits.next_job() or self.confirmations.next_job()
            self.clock.waits_for_lag = self.trials.waits_for_lag
            if job is None:
                return
            self._jobs[job.folder] = job
            self.clock.start(job.folder, _read_history(job))
            self.pool.submit(job)
            yield _advance(job, ()) if job.is_refit or job.replicate else TrialStarted(job)

    def collect(self) -> Iterator[Event]:
        """Record results that have arrived, then report the progress of running jobs.

        An idle worker never waits for bookkeeping: its next trial is dispatched before the last
        result is recorded, and was proposed while all workers were busy.
        """
        is_ahead = not self.session.search.propose_ahead(self.pool.n_jobs)
        free = self.pool.n_jobs - self.pool.n_in_flight
        with self.clock.measuring(free):
            arrived = list(self.pool.collect(_TICK_S if is_ahead else 0.0))
        if arrived:
            yield from self.dispatch()
        for job, result in arrived:
            with self.session.search.writing_together():
                event = self._record(job, result)
            yield event
        if time.monotonic() >= self._poll_at:
            self._poll_at = time.monotonic() + _TICK_S
            yield from self._report_progress()

    def _report_progress(self) -> Iterator[Event]:
        """Report running jobs that have completed an epoch since the last poll."""
        for folder, job in self._jobs.items():
            with contextlib.suppress(FileNotFoundError):
                written_at = (folder / HISTORY_FILE).stat().st_mtime_ns
                if written_at != self._written_at.get(folder):
                    self._written_at[folder] = written_at
                    if epochs := _read_history(job):
                        yield _advance(job, epochs)

    def _record(self, job: TrialJob, result: TrialResult | WorkerLostError) -> Event:
        queue = (
            self.refits if job.is_refit else self.confirmations if job.replicate else self.trials
        )
        del self._jobs[job.folder]
        self.clock.stop(job.folder)
        self._written_at.pop(job.folder, None)
        if isinstance(result, WorkerLostError):
            result = self._judge_loss(job, result)
        if failure := result.failure or self._count_stop(job, result):
            self.halted = self.halted or failure.with_context(self.session.definition.name)
        if not result.state.is_finished:
            return queue.give_back(job)
        _keep_files(job, result)
        event = queue.record(job, result)
        self._last_killed = job if result.ended_by_machine else None
        self.clock.note()
        return event

    def _judge_loss(self, job: TrialJob, loss: WorkerLostError) -> TrialResult:
        """Decide whether the deaths of a job's workers fail the trial or stop the study."""
        failure: HpsearchError | None = None
        is_ending = self.halted is not None or not self.pool.retries
        if isinstance(loss, NoWorkersError):
            advice = "check free memory and ulimit -v; `hpsearch doctor` tries a step"
            failure = (
                StoreError(str(loss)) if self.is_cluster else MachineError(f"{loss}; {advice}")
            )
        elif self._last_killed and not is_ending:
            # Two in a row: it is the machine, and would fail every later trial too.
            failure = MachineError(
                f"workers of trials {self._last_killed.number} and {job.number} died one after the "
                f"other, of each {loss}"
            )
        if failure or is_ending:
            return TrialResult(job.number, State.WAITING, (), failure=failure)
        return TrialResult(job.number, State.FAILED, (), reason=str(loss), ended_by_machine=True)

    def _count_stop(self, job: TrialJob, result: TrialResult) -> HpsearchError | None:
        """Count a stop that was not requested; return an error if there were too many."""
        if result.state != State.WAITING or not self.pool.retries:
            return None
        self._n_self_stops[job.folder] += 1
        if self._n_self_stops[job.folder] < _MAX_SELF_STOPS:
            return None
        return StoreError(
            f"{result.host} has stopped trial {job.number}: it sees another coordinator's "
            f"{self.session.lease.path.name}"
        )


def _advance(job: TrialJob, epochs: Sequence[Epoch]) -> Event:
    """Make the event that reports a job's epochs so far."""
    if job.is_refit:
        return RefitAdvanced(job, epochs)
    return ConfirmationAdvanced(job, epochs) if job.replicate else TrialAdvanced(job, epochs)


def _keep_files(job: TrialJob, result: TrialResult) -> None:
    """Write to the job's folder the files of a worker that does not see the folder."""
    if result.epochs and _read_history(job) != result.epochs:
        job.folder.mkdir(parents=True, exist_ok=True)
        save_history(job.folder / HISTORY_FILE, result.epochs)
    for name, content in (
        (CHECKPOINT_FILE, result.checkpoint),
        (PREDICTIONS_FILE, result.predictions),
    ):
        if content:
            write_atomically(job.folder / name, content)


def _read_history(job: TrialJob) -> tuple[Epoch, ...]:
    """Load the trial's history; empty if damaged, as the trial's end writes it anew."""
    try:
        return load_history(job.folder / HISTORY_FILE)
    except DamagedDataError:
        return ()


def _read_attempts(job: TrialJob) -> Attempts:
    return read_attempts(job.folder)
