import gc
import threading
import time

import pytest

from hpsearch.trainers.two_layer_net.products import threads
from hpsearch.trainers.two_layer_net.products.threads import Threads


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_shares(count: int) -> None:
    together = Threads(count)
    for factor in range(100):
        expected = [share * factor for share in range(count)]
        assert together(lambda share, by=factor: share * by, range(count)) == expected


def test_as_many_threads_work_at_the_same_time_as_there_are_shares() -> None:
    together = threading.Barrier(3, timeout=30)
    Threads(3)(lambda _: together.wait(), range(3))  # else it would raise


@pytest.mark.parametrize("n_looks", [0, 2_000_000])
def test_a_sleeping_thread_is_woken(n_looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_LOOKS_BEFORE_SLEEP", n_looks)
    together = Threads(2)
    for _ in range(3):
        assert together(lambda share: share, [1, 2]) == [1, 2]
        time.sleep(0.02)
    assert together(lambda share: time.sleep(0.02 * share), [0, 1]) == [None, None]


def test_fewer_shares_than_threads_are_done() -> None:
    assert Threads(3)(lambda share: share, [7]) == [7]


def test_one_thread_is_the_callers_own() -> None:
    assert Threads(1)(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]


@pytest.mark.parametrize("shares", [[1, 0], [0, 1]])
def test_an_error_in_any_thread_is_raised_in_the_caller(shares: list[int]) -> None:
    together, divide = Threads(2), lambda share: 1 // share
    with pytest.raises(ZeroDivisionError):
        together(divide, shares)
    assert together(divide, [1, 1]) == [1, 1]


def test_errors_of_one_call_are_not_raised_in_the_next() -> None:
    together, divide = Threads(3), lambda share: 1 // share
    with pytest.raises(ZeroDivisionError):
        together(divide, [1, 0, 0])
    assert together(divide, [1, 1, 1]) == [1, 1, 1]


def test_all_threads_have_finished_when_an_error_is_raised() -> None:
    done = []

    def work(share: int) -> None:
        if share == 0:
            raise ValueError("given 0")
        time.sleep(0.05)
        done.append(share)

    with pytest.raises(ValueError, match="given 0"):
        Threads(2)(work, [0, 1])
    assert done == [1]


def test_threads_end_with_their_owner() -> None:
    class Worker:
        def __init__(self) -> None:
            self.threads, self.shares = Threads(3), [0]

        def work(self) -> None:
            self.threads(lambda share: self.shares.append(share), [1, 2, 3])

    before = set(threading.enumerate())
    worker = Worker()
    others = set(threading.enumerate()) - before
    assert len(others) == 2
    worker.work()
    assert sorted(worker.shares) == [0, 1, 2, 3]
    del worker
    gc.collect()
    for thread in others:
        thread.join(timeout=30)
        assert not thread.is_alive()
