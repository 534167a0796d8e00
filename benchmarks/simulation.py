"""A coordinator with workers in simulated time: its own work is executed and timed."""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cloudpickle
import numpy as np

from benchmarks.idle import idle_epochs
from hpsearch.engine.records import SESSIONS, State
from hpsearch.engine.search import SearchStudy, Trial, write_result
from hpsearch.engine.training.prepare import prepare_job
from hpsearch.engine.trial_result import TrialResult

__all__ = ["Coordinator", "FreeCoordinator", "Load", "RealCoordinator", "simulate"]


class Coordinator(Protocol):
    """Interface of a coordinator; each method returns the seconds it took."""

    def start(self, number: int) -> float:
        """Ask for trial `number` and make its job."""
        ...

    def record(self, number: int) -> float:
        """Record the result of trial `number`."""
        ...

    def work_ahead(self, n_workers: int) -> float:
        """Make a proposal ahead; 0 if there is none to make."""
        ...


class FreeCoordinator:
    """A coordinator that takes no time."""

    def start(self, number: int) -> float:
        del number
        return 0.0

    def record(self, number: int) -> float:
        del number
        return 0.0

    def work_ahead(self, n_workers: int) -> float:
        del n_workers
        return 0.0


@dataclass
class RealCoordinator:
    """A coordinator that asks, makes and pickles jobs and records like the real one.

    Parameters
    ----------
    search : SearchStudy
        The study.
    n_before : int
        Number of trials that it already has; the first one simulated gets this number.
    """

    search: SearchStudy
    n_before: int = 0
    _trials: dict[int, tuple[Trial, Any]] = field(default_factory=dict)

    def start(self, number: int) -> float:
        return _time(lambda: self._start(number + self.n_before))

    def record(self, number: int) -> float:
        return _time(lambda: self._record(*self._trials.pop(number + self.n_before)))

    def work_ahead(self, n_workers: int) -> float:
        started = time.perf_counter()
        return time.perf_counter() - started if self.search.propose_ahead(n_workers) else 0.0

    def _start(self, number: int) -> None:
        search, data = self.search, None
        assert search.next_number() == number
        assert search.may_start(number)
        with search.writing_together():
            trial = search.ask()
            job = prepare_job(
                trial,
                search.definition,
                data,  # type: ignore[arg-type] # only passed on
                Path(),
                pruning=search.pruning_rule(number),
            )
        cloudpickle.dumps(job)
        self._trials[number] = trial, job.hyperparameters

    def _record(self, trial: Trial, setting: Any) -> None:
        epochs = tuple(idle_epochs(setting))
        result = TrialResult(trial.number, State.COMPLETE, epochs, net_sha256="0" * 64)
        with self.search.writing_together():
            write_result(trial, result)
            self.search.finish(trial, State.COMPLETE, epochs[-1].val_score)
            self.search.note(SESSIONS, {"session": {"n_jobs": 1, "wall_s": 0.0}})


@dataclass(frozen=True)
class Load:
    """Utilisation in a simulated study, from when all workers have a trial to the last start.

    Parameters
    ----------
    busy : float
        Fraction of the workers' time spent in trials.
    waited_for_lag : float
        Fraction spent waiting for trials that the next one must know.
    cost_s : float
        The coordinator's mean time per trial.
    trials_per_s : float
        Trials started per second of simulated time.
    """

    busy: float
    waited_for_lag: float
    cost_s: float
    trials_per_s: float

    @property
    def waited_for_coordinator(self) -> float:
        """Fraction spent waiting for the coordinator."""
        return max(0.0, 1.0 - self.busy - self.waited_for_lag)


def simulate(
    coordinator: Coordinator,
    n_workers: int,
    lag: int,
    n_trials: int,
    duration_s: Callable[[int], float],
) -> Load:
    """Simulate `n_trials` trials under the lag rule.

    Parameters
    ----------
    coordinator : Coordinator
        Does the work that is timed, one call after another.
    n_workers : int
        Largest number of trials in parallel.
    lag : int
        Trial k starts when the results of all trials up to k - lag are recorded.
    n_trials : int
        Number of trials; more than workers.
    duration_s : callable
        Returns a trial's duration in simulated seconds, given its number.
    """
    now = waited_s = spent_s = begun = 0.0
    number, n_free = 0, n_workers
    running: list[tuple[float, int]] = []
    starts: list[tuple[float, float]] = []
    arrived: list[int] = []
    recorded: set[int] = set()
    n_known = 0
    while True:
        while n_free and number < n_trials and number - lag < n_known:
            spent_s += (cost := coordinator.start(number))
            now += cost
            starts.append((now, now + duration_s(number)))
            heapq.heappush(running, (starts[-1][1], number))
            number, n_free = number + 1, n_free - 1
            if number == n_workers:
                begun, waited_s = now, 0.0
        if number == n_trials:
            break
        for one in arrived:
            spent_s += (cost := coordinator.record(one))
            now += cost
            recorded.add(one)
        while n_known in recorded:
            n_known += 1
        if not arrived:
            cost = coordinator.work_ahead(n_workers) if running[0][0] > now else 0.0
            until = now + cost if cost else max(now, running[0][0])
            waited_s += n_free * (until - now)
            spent_s, now = spent_s + cost, until
        arrived = []
        while running and running[0][0] <= now:
            arrived.append(heapq.heappop(running)[1])
            n_free += 1
    ended = starts[-1][0]
    busy_s = sum(max(0.0, min(end, ended) - max(start, begun)) for start, end in starts)
    available_s = n_workers * (ended - begun)
    trials_per_s = (n_trials - n_workers) / (ended - begun)
    return Load(busy_s / available_s, waited_s / available_s, spent_s / n_trials, trials_per_s)


def draw_durations(seed: int, mean_s: float = 30.0, spread: float = 0.5) -> Callable[[int], float]:
    """Log-normal durations by trial number; `spread` is the standard deviation of the logarithm."""

    def duration_s(number: int) -> float:
        draw = np.random.default_rng([seed, number]).standard_normal()
        return float(mean_s * np.exp(spread * draw - spread**2 / 2))

    return duration_s


def _time(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
