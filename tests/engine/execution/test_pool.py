import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hpsearch.engine.execution import (
    Attempts,
    NoWorkersError,
    WorkerLostError,
    WorkerPool,
    open_backend,
)


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
    n_begun = len(job.log.read_text().splitlines()) if job.log.exists() else 0
    return Attempts(n_begun, 0, n_begun)


def no_attempts(job: Job) -> Attempts:
    return Attempts(0, 0, 0)


@contextmanager
def open_pool(
    run: Callable[[Job], Any], n_jobs: int, backend: str, attempts: Callable[[Job], Attempts]
) -> Iterator[WorkerPool[Job, Any]]:
    with open_backend(backend) as ready, WorkerPool(run, n_jobs, ready, attempts) as pool:
        yield pool


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
    with open_pool(run, n_jobs, backend, attempts) as pool:
        results = dict(drain(pool, jobs))
    assert {number: result[0] for number, result in results.items()} == {n: n for n in range(7)}


def test_a_single_job_at_a_time_still_has_a_process_of_its_own(tmp_path: Path) -> None:
    with open_pool(run, 1, "loky", attempts) as pool:
        ((_, (_, pid)),) = drain(pool, [Job(0, tmp_path)])
    assert pid != os.getpid()


def test_a_slow_job_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A sliding window, not waves: the slow first job ends after the quick ones behind it."""
    jobs = [Job(0, tmp_path, "wait"), *(Job(n, tmp_path) for n in range(1, 5))]
    with open_pool(run, 2, "threading", attempts) as pool:
        order = [number for number, _ in drain(pool, jobs)]
    assert order[-1] == 0


def test_a_worker_killed_once_costs_nothing_but_another_attempt(tmp_path: Path) -> None:
    jobs = [Job(0, tmp_path, "wait"), Job(1, tmp_path, "die once"), Job(2, tmp_path)]
    with open_pool(run, 2, "loky", attempts) as pool:
        results = dict(drain(pool, jobs))
        assert pool.n_lost >= 1
    assert {number: result[0] for number, result in results.items()} == {0: 0, 1: 1, 2: 2}


def test_a_deadly_job_is_given_up_and_its_neighbours_are_not(tmp_path: Path) -> None:
    jobs = [Job(n, tmp_path, "die" if n == 2 else "wait") for n in range(6)]
    with open_pool(run, 3, "loky", attempts) as pool:
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
        return Attempts(len(had_neighbour), 0, len(had_neighbour))

    with open_pool(fly, 2, "threading", begun) as pool:
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
            return Attempts(n_calls, 12, n_calls - 12)
        return Attempts(n_calls, n_calls, 0)

    with open_pool(run, 1, "loky", advancing) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path, "die")])
    assert isinstance(result, WorkerLostError)
    assert attempts(Job(0, tmp_path)).n_begun > 3


def test_workers_that_never_begin_are_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.engine.execution.pool.MAX_FALSE_STARTS", 5)
    with open_pool(run, 1, "loky", no_attempts) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path, "die")])
    assert isinstance(result, NoWorkersError)
    assert "die before they begin" in str(result)
    assert attempts(Job(0, tmp_path)).n_begun == 5


def test_workers_that_have_begun_before_are_given_more_chances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.engine.execution.pool.MAX_FIRST_FALSE_STARTS", 2)
    monkeypatch.setattr("hpsearch.engine.execution.pool.MAX_FALSE_STARTS", 4)
    n_begun: dict[int, int] = {}

    def die_unless_first(job: Job) -> int:
        n_begun[job.number] = n_begun.get(job.number, 0) + 1
        if job.number:
            raise ConnectionError("as joblib raises when a worker dies")
        return 0

    with open_pool(die_unless_first, 1, "threading", no_attempts) as pool:
        list(drain(pool, [Job(0, tmp_path), Job(1, tmp_path)]))
    with open_pool(die_unless_first, 1, "threading", no_attempts) as pool:
        list(drain(pool, [Job(2, tmp_path)]))
    assert n_begun == {0: 1, 1: 4, 2: 2}


def test_a_machine_that_cannot_make_a_call_is_no_workers_death(tmp_path: Path) -> None:
    def fail(job: Job) -> None:
        raise RuntimeError("can't start new thread")

    with open_pool(fail, 1, "threading", attempts) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path)])
        assert pool.n_lost == 1
    assert isinstance(result, NoWorkersError)
    assert "can't start new thread" in str(result)


class KilledWorker(Exception):  # noqa: N818
    """As Dask calls it."""


def test_a_call_that_a_scheduler_calls_deadly_counts_where_attempts_cannot_be_seen(
    tmp_path: Path,
) -> None:
    def die(job: Job) -> None:
        raise KilledWorker

    with (
        open_backend("threading") as backend,
        WorkerPool(die, 1, backend, no_attempts, sees_attempts=False) as pool,
    ):
        ((_, result),) = drain(pool, [Job(0, tmp_path)])
    assert isinstance(result, WorkerLostError)
    assert not isinstance(result, NoWorkersError)
    assert pool.n_lost == 3


def test_nothing_is_tried_again_once_retries_are_off(tmp_path: Path) -> None:
    with open_pool(run, 1, "loky", attempts) as pool:
        pool.retries = False
        ((_, result),) = drain(pool, [Job(0, tmp_path, "die")])
    assert isinstance(result, WorkerLostError)
    assert attempts(Job(0, tmp_path)).n_begun == 1


def test_workers_ignore_ctrl_c(tmp_path: Path) -> None:
    with open_pool(run, 1, "loky", attempts) as pool:
        ((_, result),) = drain(pool, [Job(0, tmp_path, "interrupt")])
    assert result[0] == 0


def test_there_is_room_again_as_soon_as_a_result_is_taken(tmp_path: Path) -> None:
    with open_pool(run, 2, "threading", attempts) as pool:
        pool.submit(Job(0, tmp_path, "wait"))
        assert pool.has_room
        pool.submit(Job(1, tmp_path, "wait"))
        assert not pool.has_room
        assert len(list(pool.collect(10.0))) >= 1
        assert pool.has_room


def test_collecting_without_jobs_returns_at_once() -> None:
    with open_pool(run, 2, "threading", attempts) as pool:
        assert list(pool.collect(600.0)) == []


@pytest.mark.slow
def test_a_cluster_runs_jobs_and_forgives_the_death_of_a_worker(
    cluster: Any, tmp_path: Path
) -> None:
    jobs = [Job(n, tmp_path, "die once" if n == 2 else "wait") for n in range(6)]
    with open_pool(run, 2, "dask", attempts) as pool:
        results = dict(drain(pool, jobs))
    assert {number: result[0] for number, result in results.items()} == {n: n for n in range(6)}
    assert attempts(jobs[2]).n_begun == 2


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_deadly_job_does_not_hang_a_cluster(cluster: Any, tmp_path: Path) -> None:
    """joblib alone would wait for ever for a call whose workers have all died."""
    jobs = [Job(n, tmp_path, "die" if n == 1 else "wait") for n in range(4)]
    with open_pool(run, 2, "dask", attempts) as pool:
        results = dict(drain(pool, jobs))
    assert isinstance(results.pop(1), WorkerLostError)
    assert {number: result[0] for number, result in results.items()} == {n: n for n in (0, 2, 3)}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_losing_the_cluster_is_not_counted_against_jobs(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=True),
        open_pool(run, 1, "dask", no_attempts) as pool,
    ):
        cluster.close()
        ((_, result),) = drain(pool, [Job(0, tmp_path)])
    assert isinstance(result, NoWorkersError)
