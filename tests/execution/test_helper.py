import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hpsearch.execution import HelperProcess


@pytest.fixture
def helper() -> Iterator[HelperProcess]:
    one = HelperProcess()
    yield one
    one.close()


def _die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def _wait_until_gone(process: psutil.Process) -> None:
    for _ in range(600):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return
    raise AssertionError("the helper is still there")


def test_one_other_process_does_all_tasks(helper: HelperProcess) -> None:
    first, second = helper.run(os.getpid), helper.run(os.getpid)
    assert first == second != os.getpid()


def test_what_a_task_raises_is_raised_here(helper: HelperProcess) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        helper.run(int, "x")


def test_a_task_whose_process_dies_is_done_again(helper: HelperProcess, tmp_path: Path) -> None:
    assert helper.run(_die_once, tmp_path / "died") == "done"


def test_a_closed_helper_leaves_no_process_and_may_be_used_again(helper: HelperProcess) -> None:
    pid = helper.run(os.getpid)
    helper.close()
    _wait_until_gone(psutil.Process(pid))
    assert helper.run(os.getpid) != pid


def test_a_helper_does_not_outlive_a_killed_coordinator_for_long(tmp_path: Path) -> None:
    program = (
        "import os, time, hpsearch.execution.helper as module\n"
        "module._IDLE_S = 1\n"
        "print(module.HelperProcess().run(os.getpid), flush=True)\n"
        "time.sleep(60)\n"
    )
    coordinator = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert coordinator.stdout
    helper = psutil.Process(int(coordinator.stdout.readline()))
    coordinator.kill()
    coordinator.wait()
    _wait_until_gone(helper)
