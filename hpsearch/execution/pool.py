"""A pool of joblib workers that takes jobs one by one and survives the death of any of them."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

from hpsearch.execution.backends import Backend
from hpsearch.machine import is_machine_failure

__all__ = ["Attempts", "NoWorkersError", "WorkerLostError", "WorkerPool"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# A job fails if its worker dies so often at the same point of it.
MAX_DEATHS = 3
# Workers that die before they begin say nothing about a job; so many say something of them.
MAX_FALSE_STARTS = 20
# The same while no worker has begun any job: then it is hardly chance.
MAX_FIRST_FALSE_STARTS = 5


class WorkerLostError(Exception):
    """A job's worker died, again and again at the same point."""


class NoWorkersError(WorkerLostError):
    """Workers die, or are gone, before they begin: not the job's fault."""


@dataclass(frozen=True)
class Attempts:
    """How a job has fared on the workers so far.

    Parameters
    ----------
    n_begun : int
        How often a worker began it.
    reached : int
        How far it has come.
    n_begun_there : int
        How many of those began no earlier.
    """

    n_begun: int
    reached: int
    n_begun_there: int


@dataclass
class _Flight(Generic[Job]):
    job: Job
    n_begun_before: int = 0
    reached: int = -1
    n_deaths: int = 0
    n_false_starts: int = 0

    @property
    def is_suspect(self) -> bool:
        """Whether one more death would be the last."""
        return self.n_deaths >= MAX_DEATHS - 1


@dataclass
class WorkerPool(Generic[Job, Result]):
    """Runs ``run(job)`` on joblib's workers; results come as they are ready.

    Every job is a joblib call of its own, made from one of `n_jobs` threads: so a free worker
    takes the next job at once, whatever the others are doing, and a dead worker ends only the
    calls in flight. Those are made again. A job is given up when its worker has died three
    times at the same point of it; the third time it runs with no other beside it, so that it
    is not blamed for a neighbour.

    Parameters
    ----------
    run : callable
        From a job to its result; must not raise. Importable by the workers.
    n_jobs : int
        Jobs in flight at most.
    backend : Backend
        Where the workers are.
    attempts : callable
        From a job to its `Attempts` so far.
    retries : bool
        Whether lost jobs are run again.
    sees_attempts : bool
        Whether `attempts` knows of all workers', those of machines without the folder too.
    """

    run: Callable[[Job], Result]
    n_jobs: int
    backend: Backend
    attempts: Callable[[Job], Attempts]
    retries: bool = True
    sees_attempts: bool = True
    n_lost: int = 0
    _flying: dict["Future[Result]", _Flight[Job]] = field(default_factory=dict)
    _lost: deque[_Flight[Job]] = field(default_factory=deque)
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
        """Leave; jobs in flight are not waited for if something was raised."""
        self._threads.shutdown(wait=error is None, cancel_futures=True)

    @property
    def n_in_flight(self) -> int:
        """Jobs submitted whose result has not been collected."""
        return len(self._flying) + len(self._lost)

    @property
    def has_room(self) -> bool:
        """Whether a job submitted now would start now."""
        return self.n_in_flight < self.n_jobs and not self._lost and not self._flies_alone()

    def submit(self, job: Job) -> None:
        """Start a job."""
        self._launch(_Flight(job))

    def collect(self, timeout_s: float) -> Iterator[tuple[Job, Result | WorkerLostError]]:
        """Yield the results that have arrived; wait at most `timeout_s` for the first.

        Yields
        ------
        job, result
            A `WorkerLostError` instead of a result if the job is given up, or its worker died
            and `retries` is off.
        """
        done, _ = wait(self._flying, timeout_s, return_when=FIRST_COMPLETED)
        for future in done:
            flight = self._flying.pop(future)
            if (error := future.exception()) is None:
                self._has_begun = True
                yield flight.job, future.result()
            elif (given_up := self._count_death(flight, error)) or not self.retries:
                yield flight.job, given_up or WorkerLostError("its worker died")
            else:
                self._lost.append(flight)
        self._relaunch()

    def _count_death(self, flight: _Flight[Job], error: BaseException) -> WorkerLostError | None:
        """Hold a death against the job if it had begun; the error to give it up with, if so."""
        self.n_lost += 1
        reason = f"{type(error).__name__}: {' '.join(str(error).split()).split('. ')[0]}"
        if is_machine_failure(error):  # not a worker's death: the call could not be made
            return NoWorkersError(f"no worker can be called ({reason})")
        attempts = self.attempts(flight.job)
        # More than one if a cluster's scheduler has made the call again by itself.
        n_begun = attempts.n_begun - flight.n_begun_before
        if not self.sees_attempts and type(error).__name__ == "KilledWorker":
            n_begun = max(1, n_begun)  # the scheduler says that workers have died of it
        self._has_begun = self._has_begun or n_begun > 0
        if n_begun == 0:
            flight.n_false_starts += 1
        elif attempts.reached > flight.reached:
            flight.reached = attempts.reached
            flight.n_deaths = max(1, min(n_begun, attempts.n_begun_there))
        else:
            flight.n_deaths += n_begun
        if flight.n_deaths >= MAX_DEATHS:
            return WorkerLostError(
                f"its worker died {flight.n_deaths} times at the same epoch ({reason})"
            )
        limit = MAX_FALSE_STARTS if self._has_begun else MAX_FIRST_FALSE_STARTS
        if flight.n_false_starts >= min(limit, MAX_FALSE_STARTS):
            return NoWorkersError(f"workers die before they begin ({reason})")
        return None

    def _relaunch(self) -> None:
        while self._lost and not self._flies_alone():
            if self._lost[0].is_suspect and self._flying:
                return
            self._launch(self._lost.popleft())

    def _flies_alone(self) -> bool:
        return any(flight.is_suspect for flight in self._flying.values())

    def _launch(self, flight: _Flight[Job]) -> None:
        flight.n_begun_before = self.attempts(flight.job).n_begun
        self._flying[self._threads.submit(self._call, flight.job)] = flight

    def _call(self, job: Job) -> Result:
        result: Result = next(self.backend.call(self.n_jobs, self.run, [job]))
        return result
