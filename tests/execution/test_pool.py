import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hpsearch.errors import UsageError
from hpsearch.execution import Attempts, WorkerLostError, WorkerPool, check_backend


class Job(NamedTuple):
    """What to do in a worker; `folder` keeps count of the attempts."""

    number: int
    folder: Path
    action: str = "return"

    @property
    def log(self) -> Path:
        return self.folder / str(self.number)


def run(job: Job) -> tuple[int, int]:
    with job.log.open("a") as log:
        log.write("begun\n")
    n_begun = len(job.log.read_text().splitlines())
    match job.action:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if n_begun == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        case "wait":
            time.sleep(0.3)
    return job.number, os.getpid()


def attempts(job: Job) -> Attempts:
    return Attempts(len(job.log.read_text().splitlines()) if job.log.exists() else 0, 0)


def no_attempts(job: Job) -> Attempts:
    return Attempts(0, 0)


def drain(pool: WorkerPool[Job, Any], jobs: list[Job]) -> Iterator[tuple[int, Any]]:
    """Keep the pool full; yield what comes out."""
    waiting = list(jobs)
    while waiting or pool.n_in_flight:
        while waiting and pool.has_room:
            pool.submit(waiting.pop(0))
        assert pool.n_in_flight <= pool.n_jobs
        for job, result in pool.collect(1.0):
            yield job.number, result


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_every_job_comes_back_once(backend: str, n_jobs: int, tmp_path: Path) -> None:
    jobs = [Job(n, tmp_path) for n in range(7)]
    with WorkerPool(run, n_jobs, backend, attempts) as pool:
        results = dict(drain(pool, jobs))
    assert {number: result[0] for number, result in results.items()} == {n: n for n in range(7)}


def test_a_single_job_at_a_time_still_has_a_process_of_its_own(tmp_path: Path) -> None:
    with WorkerPool(run, 1, "loky", attempts) as pool:
        ((_, (_, pid)),) = drain(pool, [Job(0, tmp_path)])
    assert pid != os.getpid()


def test_a_slow_job_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A sliding window, not waves: the slow first job ends after the quick ones behind it."""
    jobs = [Job(0, tmp_path, "wait"), *(Job(n, tmp_path) for n in range(1, 5))]
    with WorkerPool(run, 2, "threading", attempts) as pool:
        order = [number for number, _ in drain(pool, jobs)]
    assert order[-1] == 0


def test_a_worker_killed_once_costs_nothing_but_another_attempt(tmp_path: Path) -> None:
    jobs = [Job(0, tmp_path, "wait"), Job(1, tmp_path, "die once"), Job(2, tmp_path)]
    with WorkerPool(run, 2, "loky", attempts) as pool:
        results = dict(drain(pool, jobs))
        assert pool.n_lost >= 1
    assert {number: result[0] for number, result in results.items()} == {0: 0, 1: 1, 2: 2}


def test_a_deadly_job_is_given_up_and_its_neighbours_are_not(tmp_path: Path) -> None:
    jobs = [Job(n, tmp_path, "die" if n == 2 else "wait") for n in range(6)]
    with WorkerPool(run, 3, "loky", attempts) as pool:
        results = dict(drain(pool, jobs))
    assert isinstance(results.pop(2), WorkerLostError)
    assert attempts(jobs[2]).n_begun == 3
    assert {number: result[0] for number, result in results.items()} == {
        n: n for n in (0, 1, 3, 4, 5)
    }


def test_the_last_attempt_is_made_with_no_neighbour_to_blame(tmp_path: Path) -> None:
    is_flying, died_twice = threading.Event(), threading.Event()
    had_neighbour: list[bool] = []

    def fly(job: Job) -> None:
        if job.action == "die":
            if not died_twice.is_set():
                is_flying.wait(10)
            had_neighbour.append(is_flying.is_set())
            if len(had_neighbour) == 2:
                died_twice.set()
            raise OSError("as joblib raises when a worker dies")
        is_flying.set()
        died_twice.wait(10)
        time.sleep(0.3)  # time enough for an attempt too early
        is_flying.clear()

    def begun(job: Job) -> Attempts:
        return Attempts(len(had_neighbour), 0)

    with WorkerPool(fly, 2, "threading", begun) as pool:
        results = dict(drain(pool, [Job(0, tmp_path), Job(1, tmp_path, "die")]))
    assert isinstance(results[1], WorkerLostError)
    assert had_neighbour == [True, True, False]


def test_a_job_that_advances_is_never_given_up(tmp_path: Path) -> None:
    """Three deaths at one point of it end a job, not three deaths in its life."""
    n_calls = 0

    def advancing(job: Job) -> Attempts:
        nonlocal n_calls
        n_calls += 1
        if n_calls > 12:  # from here on it stands still
            return Attempts(n_calls, 12)
        return Attempts(n_calls, n_calls)

    with WorkerPool(run, 1, "loky", advancing) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path, "die")])
    assert isinstance(result, WorkerLostError)
    assert attempts(Job(0, tmp_path)).n_begun > 3


def test_workers_that_never_begin_are_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.execution.pool.MAX_FALSE_STARTS", 5)
    with WorkerPool(run, 1, "loky", no_attempts) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path, "die")])
    assert "die before they begin" in str(result)
    assert attempts(Job(0, tmp_path)).n_begun == 5


def test_nothing_is_tried_again_once_retries_are_off(tmp_path: Path) -> None:
    with WorkerPool(run, 1, "loky", attempts) as pool:
        pool.retries = False
        ((_, result),) = drain(pool, [Job(0, tmp_path, "die")])
    assert isinstance(result, WorkerLostError)
    assert attempts(Job(0, tmp_path)).n_begun == 1


def test_workers_ignore_ctrl_c(tmp_path: Path) -> None:
    with WorkerPool(run, 1, "loky", attempts) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path, "interrupt")])
    assert result[0] == 0


def test_there_is_room_again_as_soon_as_a_result_is_taken(tmp_path: Path) -> None:
    with WorkerPool(run, 2, "threading", attempts) as pool:
        pool.submit(Job(0, tmp_path, "wait"))
        assert pool.has_room
        pool.submit(Job(1, tmp_path, "wait"))
        assert not pool.has_room
        assert len(list(pool.collect(10.0))) >= 1
        assert pool.has_room


def test_nothing_in_flight_is_nothing_to_wait_for() -> None:
    with WorkerPool(run, 2, "threading", attempts) as pool:
        assert list(pool.collect(600.0)) == []


@pytest.mark.parametrize("name", ["loky", "threading", "sequential"])
def test_joblibs_backends_are_known(name: str) -> None:
    check_backend(name)


def test_an_unknown_backend_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"--backend lokky: .*'loky'") as caught:
        check_backend("lokky")
    assert "\n" not in str(caught.value)
