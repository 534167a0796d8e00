"""A pool of joblib workers that takes jobs one by one and survives the death of workers."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

from hpsearch.engine.execution.backends import Backend
from hpsearch.foundations.machine_failures import is_machine_failure

__all__ = ["Attempts", "NoWorkersError", "WorkerLostError", "WorkerPool"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# Worker deaths at the same point of a job after which it fails.
MAX_DEATHS = 3
# Early worker deaths are not counted against the job; after this many of them the workers are
# considered broken.
MAX_FALSE_STARTS = 20
# The same limit while no worker has begun any job: such deaths are hardly chance.
MAX_FIRST_FALSE_STARTS = 5


class WorkerLostError(Exception):
    """A job's worker died repeatedly at the same point of the job."""


class NoWorkersError(WorkerLostError):
    """Workers cannot be called, or die before they begin the job: not the job's fault."""


@dataclass(frozen=True)
class Attempts:
    """Attempts that workers have made at a job.

    Parameters
    ----------
    n_begun : int
        Number of attempts begun.
    reached : int
        Progress of the job, in completed steps such as epochs.
    n_begun_there : int
        Number of attempts begun at `reached`.
    """

    n_begun: int
    reached: int
    n_begun_there: int


@dataclass
class _JobInFlight(Generic[Job]):
    job: Job
    n_begun_before: int = 0
    reached: int = -1
    n_deaths: int = 0
    n_false_starts: int = 0

    @property
    def is_suspect(self) -> bool:
        """Whether the job is given up after one more death."""
        return self.n_deaths >= MAX_DEATHS - 1


@dataclass
class WorkerPool(Generic[Job, Result]):
    """Pool that runs ``run(job)`` on joblib's workers; results come as they complete.

    Every job is a joblib call of its own, made from one of `n_jobs` threads: a free worker
    takes the next job at once, whatever the others are doing, and a dead worker ends only the
    calls in flight, which are repeated. A job is given up when its worker has died three
    times at the same point of it; the third attempt runs alone, so that the job is not blamed
    for the failure of another.

    Parameters
    ----------
    run : callable
        From a job to its result; must not raise. Importable by the workers.
    n_jobs : int
        Maximum number of jobs in flight.
    backend : Backend
        The workers' backend.
    attempts : callable
        From a job to its `Attempts` so far.
    retries : bool
        Whether lost jobs are run again.
    sees_attempts : bool
        Whether `attempts` covers all workers, also those that do not share the study's folder.
    """

    run: Callable[[Job], Result]
    n_jobs: int
    backend: Backend
    attempts: Callable[[Job], Attempts]
    retries: bool = True
    sees_attempts: bool = True
    n_lost: int = 0
    _in_flight: dict["Future[Result]", _JobInFlight[Job]] = field(default_factory=dict)
    _lost: deque[_JobInFlight[Job]] = field(default_factory=deque)
    _has_begun: bool = False

    def __enter__(self) -> Self:
        """Start the threads; workers start with their first job, if they have not yet."""
        self._threads = ThreadPoolExecutor(self.n_jobs, thread_name_prefix="slot")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the threads; wait for jobs in flight unless an exception was raised."""
        self._threads.shutdown(wait=error is None, cancel_futures=True)

    @property
    def n_in_flight(self) -> int:
        """Number of jobs submitted whose result has not been collected."""
        return len(self._in_flight) + len(self._lost)

    @property
    def has_room(self) -> bool:
        """Whether a job submitted now would start now."""
        return self.n_in_flight < self.n_jobs and not self._lost and not self._runs_alone()

    def submit(self, job: Job) -> None:
        """Start a job."""
        self._launch(_JobInFlight(job))

    def collect(self, timeout_s: float) -> Iterator[tuple[Job, Result | WorkerLostError]]:
        """Yield the results that have arrived; wait at most `timeout_s` for the first.

        Yields
        ------
        job, result
            A `WorkerLostError` instead of a result if the job is given up, or its worker died
            and `retries` is off.
        """
        done, _ = wait(self._in_flight, timeout_s, return_when=FIRST_COMPLETED)
        for future in done:
            entry = self._in_flight.pop(future)
            if (error := future.exception()) is None:
                self._has_begun = True
                yield entry.job, future.result()
            elif (given_up := self._count_death(entry, error)) or not self.retries:
                yield entry.job, given_up or WorkerLostError("its worker died")
            else:
                self._lost.append(entry)
        self._relaunch()

    def _count_death(
        self, entry: _JobInFlight[Job], error: BaseException
    ) -> WorkerLostError | None:
        """Count a death against the job if it had begun; return an error if it is given up."""
        self.n_lost += 1
        reason = f"{type(error).__name__}: {' '.join(str(error).split()).split('. ')[0]}"
        if is_machine_failure(error):  # not a worker's death: the call could not be made
            return NoWorkersError(f"no worker can be called ({reason})")
        attempts = self.attempts(entry.job)
        # More than one if a cluster's scheduler has made the call again by itself.
        n_begun = attempts.n_begun - entry.n_begun_before
        if not self.sees_attempts and type(error).__name__ == "KilledWorker":
            n_begun = max(1, n_begun)  # the scheduler says that workers have died of it
        self._has_begun = self._has_begun or n_begun > 0
        if n_begun == 0:
            entry.n_false_starts += 1
        elif attempts.reached > entry.reached:
            entry.reached = attempts.reached
            entry.n_deaths = max(1, min(n_begun, attempts.n_begun_there))
        else:
            entry.n_deaths += n_begun
        if entry.n_deaths >= MAX_DEATHS:
            return WorkerLostError(
                f"its worker died {entry.n_deaths} times at the same epoch ({reason})"
            )
        limit = MAX_FALSE_STARTS if self._has_begun else MAX_FIRST_FALSE_STARTS
        if entry.n_false_starts >= min(limit, MAX_FALSE_STARTS):
            return NoWorkersError(f"workers die before they begin ({reason})")
        return None

    def _relaunch(self) -> None:
        while self._lost and not self._runs_alone():
            if self._lost[0].is_suspect and self._in_flight:
                return
            self._launch(self._lost.popleft())

    def _runs_alone(self) -> bool:
        return any(entry.is_suspect for entry in self._in_flight.values())

    def _launch(self, entry: _JobInFlight[Job]) -> None:
        entry.n_begun_before = self.attempts(entry.job).n_begun
        self._in_flight[self._threads.submit(self._call, entry.job)] = entry

    def _call(self, job: Job) -> Result:
        result: Result = next(self.backend.call(self.n_jobs, self.run, [job]))
        return result
