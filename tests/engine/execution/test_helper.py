import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from hpsearch.engine.execution import HelperProcess
from tests.processes import die_once


@pytest.fixture
def helper() -> Iterator[HelperProcess]:
    one = HelperProcess()
    yield one
    one.close()


def test_one_other_process_does_all_tasks(helper: HelperProcess) -> None:
    first, second = helper.run(os.getpid), helper.run(os.getpid)
    assert first == second != os.getpid()


def test_what_a_task_raises_is_raised_here(helper: HelperProcess) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        helper.run(int, "x")


def test_a_task_whose_process_dies_is_done_again(helper: HelperProcess, tmp_path: Path) -> None:
    assert helper.run(die_once, tmp_path / "died") == "done"


def _count_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info()]


def test_the_helper_uses_one_core(helper: HelperProcess) -> None:
    assert set(helper.run(_count_threads)) == {1}


def test_a_closed_helper_leaves_no_process_and_may_be_used_again(
    helper: HelperProcess, wait_until_gone: Callable[[int], None]
) -> None:
    pid = helper.run(os.getpid)
    helper.close()
    wait_until_gone(pid)
    assert helper.run(os.getpid) != pid


def test_a_helper_that_is_killed_ends_what_it_is_doing(
    helper: HelperProcess, wait_until_gone: Callable[[int], None]
) -> None:
    """Whatever hangs in it must not keep the program from ending."""
    pid = helper.run(os.getpid)
    with ThreadPoolExecutor(1) as thread:
        task = thread.submit(helper.run, time.sleep, 600.0)
        time.sleep(0.5)
        helper.close(kill=True)
        wait_until_gone(pid)
        with pytest.raises(RuntimeError, match="kill_workers"):
            task.result()
