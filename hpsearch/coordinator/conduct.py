"""The loop: ask, dispatch, record, until no trial is left or it is told to stop."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hpsearch.coordinator.clock import Clock
from hpsearch.coordinator.events import (
    Event,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialStarted,
)
from hpsearch.coordinator.session import Session
from hpsearch.errors import DamagedDataError, HpsearchError, StoreError
from hpsearch.execution import (
    Attempts,
    Backend,
    NoWorkersError,
    WorkerLostError,
    WorkerPool,
)
from hpsearch.files import write_atomically
from hpsearch.objective import Outcome, TrialJob, TrialResult, run_job
from hpsearch.objective.attempts import read_attempts
from hpsearch.objective.prepare import prepare_job
from hpsearch.objective.record import record_result
from hpsearch.records import State
from hpsearch.search import Trial
from hpsearch.training import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Epoch,
    load_history,
    save_history,
)

__all__ = ["conduct"]

# How often running trials are looked at; also the longest that a stop goes unnoticed.
_TICK_S = 0.5
# A network disk may lose sight of the lease for a moment; another coordinator's stays.
_MAX_SELF_STOPS = 3


def conduct(
    session: Session,
    backend: Backend,
    n_jobs: int,
    stop: threading.Event,
    *,
    shares_folder: bool = True,
) -> Iterator[Event]:
    """Run the study's trials, at most `n_jobs` at a time.

    Parameters
    ----------
    session : Session
        The study, held by this process.
    backend : Backend
        Where the workers are.
    n_jobs : int
        Trials in flight at most.
    stop : threading.Event
        Once set, no trial starts; those in flight stop at the end of their epoch.
    shares_folder : bool
        Whether all workers see the study's folder. If not, a stop does not wait for those in
        flight: they start again from their first epoch.

    Yields
    ------
    Event
        Starts, epochs and ends of trials. Ends when nothing is in flight and no trial may
        start: all have ended, or `stop` is set.

    Raises
    ------
    StoreError, DamagedDataError
        If a worker could not go on for a reason that is not the trial's: a full disk, data
        or a cluster that is gone; all trials in flight are given back first.
    """
    with WorkerPool(run_job, n_jobs, backend, _read_attempts, sees_attempts=shares_folder) as pool:
        conductor = _Conductor(session, pool, Clock(session, n_jobs), stop)
        while True:
            yield from conductor.dispatch()
            if stop.is_set() and pool.retries:
                pool.retries = False
                session.lease.revoke()
                if not shares_folder:
                    backend.cancel()
            if not pool.n_in_flight:
                break
            yield from conductor.collect()
            if conductor.halted:
                stop.set()
    if conductor.halted:
        raise conductor.halted


@dataclass
class _Conductor:
    session: Session
    pool: WorkerPool[TrialJob, TrialResult]
    clock: Clock
    stop: threading.Event
    halted: HpsearchError | None = None
    _trials: dict[int, Trial] = field(default_factory=dict)
    _jobs: dict[int, TrialJob] = field(default_factory=dict)
    _written_at: dict[int, int] = field(default_factory=dict)
    _look_at: float = field(default_factory=lambda: time.monotonic() + _TICK_S)
    _n_self_stops: Counter[int] = field(default_factory=Counter)

    def dispatch(self) -> Iterator[Event]:
        """Start the trials that may start now."""
        search = self.session.search
        self.clock.waits_for_lag = False
        while self.pool.has_room and not self.halted and not self.stop.is_set():
            number = search.next_number()
            if number is None:
                return
            if not search.may_start(number):
                self.clock.waits_for_lag = True
                return
            with search.writing_together():
                trial = search.ask()
                job = prepare_job(
                    trial,
                    self.session.definition,
                    self.session.data,
                    self.session.folder.trial(number),
                    pruning=search.pruning_rule(number),
                    lease=self.session.lease,
                )
            self._trials[number], self._jobs[number] = trial, job
            self.pool.submit(job)
            yield TrialStarted(job)

    def collect(self) -> Iterator[Event]:
        """Record what has arrived, then look at what is still running.

        What can wait does, while a worker is free: its next trial leaves before the result of
        the last one is recorded, and was proposed while all workers were busy.
        """
        is_ahead = not self.session.search.propose_ahead(self.pool.n_jobs)
        free = self.pool.n_jobs - self.pool.n_in_flight
        with self.clock.measuring(free):
            arrived = list(self.pool.collect(_TICK_S if is_ahead else 0.0))
        if arrived:
            yield from self.dispatch()
        for job, result in arrived:
            with self.session.search.writing_together():
                event = self._take(job, result)
            yield event
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _TICK_S
            yield from self._look()

    def _look(self) -> Iterator[Event]:
        """See which running trials have ended an epoch since the last time."""
        for number, job in self._jobs.items():
            with contextlib.suppress(FileNotFoundError):
                written_at = (job.folder / HISTORY_FILE).stat().st_mtime_ns
                if written_at != self._written_at.get(number):
                    self._written_at[number] = written_at
                    if epochs := _read_history(job):
                        yield TrialAdvanced(job, epochs)

    def _take(self, job: TrialJob, result: TrialResult | WorkerLostError) -> Event:
        search = self.session.search
        del self._jobs[job.number]
        self._written_at.pop(job.number, None)
        trial = self._trials.pop(job.number)
        if isinstance(result, NoWorkersError):
            self.halted = StoreError(f"{search.definition.name}: {result}")
        if isinstance(result, WorkerLostError):
            if self.halted or not self.pool.retries:
                search.release(job.number)
                return TrialReleased(job.number)
            result = TrialResult(job.number, Outcome.FAILED, (), reason=str(result))
        if result.outcome in (Outcome.INTERRUPTED, Outcome.HALTED, Outcome.NO_DATA):
            if result.outcome == Outcome.INTERRUPTED and self.pool.retries:
                self._n_self_stops[job.number] += 1
            if self._n_self_stops[job.number] >= _MAX_SELF_STOPS:
                # Given back once more it would be started and stopped for ever.
                self.halted = StoreError(
                    f"{search.definition.name}: {result.host} has stopped trial {job.number}: "
                    f"it sees another coordinator's {self.session.lease.path.name}"
                )
            elif result.outcome != Outcome.INTERRUPTED:
                failure = DamagedDataError if result.outcome == Outcome.NO_DATA else StoreError
                self.halted = failure(f"{search.definition.name}: {result.reason}")
            search.release(job.number)
            return TrialReleased(job.number)
        if result.epochs and _read_history(job) != result.epochs:
            job.folder.mkdir(parents=True, exist_ok=True)  # the worker had another disk
            save_history(job.folder / HISTORY_FILE, result.epochs)
        if result.checkpoint:
            write_atomically(job.folder / CHECKPOINT_FILE, result.checkpoint)
        if result.predictions:
            write_atomically(job.folder / PREDICTIONS_FILE, result.predictions)
        record_result(trial, result)
        value = result.epochs[-1].val_accuracy if result.outcome == Outcome.COMPLETE else None
        search.finish(trial, State(result.outcome), value)
        self.clock.note()
        return TrialEnded(search.record(job.number))


def _read_history(job: TrialJob) -> tuple[Epoch, ...]:
    """What the trial's history says so far; nothing if it is damaged, as its end mends it."""
    try:
        return load_history(job.folder / HISTORY_FILE)
    except DamagedDataError:
        return ()


def _read_attempts(job: TrialJob) -> Attempts:
    return read_attempts(job.folder)
