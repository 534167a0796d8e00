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


def test_a_helper_ends_with_a_killed_coordinator_even_at_work(tmp_path: Path) -> None:
    program = (
        "import sys, time, helper_tasks, hpsearch.execution\n"
        "hpsearch.execution.HelperProcess().run(helper_tasks.work, sys.argv[1])\n"
    )
    task = (
        "import os, pathlib, time\n"
        "def work(marker):\n"
        "    pathlib.Path(marker + '~').write_text(str(os.getpid()))\n"
        "    os.replace(marker + '~', marker)\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "helper_tasks.py").write_text(task)
    marker = tmp_path / "at_work"
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    coordinator = subprocess.Popen(
        [sys.executable, "-c", program, str(marker)], env={**os.environ, "PYTHONPATH": path}
    )
    while not marker.exists():
        assert coordinator.poll() is None
        time.sleep(0.1)
    helper = psutil.Process(int(marker.read_text()))
    coordinator.kill()
    coordinator.wait()
    _wait_until_gone(helper)
