import threading

import pytest

from hpsearch.training.products.threads import Threads


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_shares(count: int) -> None:
    assert Threads(count)(lambda share: share * 2, list(range(count))) == [
        share * 2 for share in range(count)
    ]


def test_as_many_threads_work_at_the_same_time_as_there_are_shares() -> None:
    together = threading.Barrier(3, timeout=30)
    Threads(3)(lambda _: together.wait(), range(3))  # else it would raise


def test_one_thread_is_the_callers_own() -> None:
    assert Threads(1)(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]


def test_an_error_in_any_thread_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        Threads(2)(lambda share: 1 // share, [1, 0])
