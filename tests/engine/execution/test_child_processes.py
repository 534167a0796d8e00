"""Processes that the coordinator starts end with it, however it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Wait = Callable[[int], None]

HELPER = """
import sys, tasks
from hpsearch.engine.execution import HelperProcess
HelperProcess().run(tasks.{task}, sys.argv[1])
"""
WORKER = """
import sys, tasks
from joblib import Parallel, delayed
from hpsearch.engine.execution import open_backend
with open_backend("loky") as backend:
    Parallel(n_jobs=2, **backend.options())([delayed(tasks.{task})(sys.argv[1])])
"""
TASKS = """
import os, pathlib, time
def mark(marker):
    pathlib.Path(marker + "~").write_text(str(os.getpid()))
    os.replace(marker + "~", marker)
def work(marker):
    mark(marker)
    time.sleep(600)
def say_more_than_a_pipe_holds(marker):
    coordinator = os.getppid()
    mark(marker)
    while os.getppid() == coordinator:
        time.sleep(0.001)
    return bytes(10_000_000)
"""


@pytest.mark.parametrize("task", ["work", "say_more_than_a_pipe_holds"])
@pytest.mark.parametrize("program", [HELPER, WORKER], ids=["helper", "worker"])
def test_processes_end_with_a_killed_coordinator_whatever_they_do(
    program: str, task: str, tmp_path: Path, wait_until_gone: Wait
) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    marker = tmp_path / "at_work"
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    coordinator = subprocess.Popen(
        [sys.executable, "-c", program.format(task=task), str(marker)],
        env={**os.environ, "PYTHONPATH": path},
    )
    while not marker.exists():
        assert coordinator.poll() is None
        time.sleep(0.1)
    coordinator.kill()
    coordinator.wait()
    wait_until_gone(int(marker.read_text()))


UNDER_SIGNALS = """
import signal, threading
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda *_: None)
from hpsearch.engine.execution import HelperProcess, open_backend
print("ready", flush=True)
def work():
    assert HelperProcess().run(abs, -1) == 1
    with open_backend("loky") as backend:
        assert list(backend.call(2, abs, [-1, -2])) in ([1, 2], [2, 1])
    print("done", flush=True)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_signals_from_the_terminal_do_not_reach_processes_that_start() -> None:
    """Ctrl-C goes to all processes of a terminal, those that are still importing too."""
    coordinator = subprocess.Popen(
        [sys.executable, "-c", UNDER_SIGNALS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert coordinator.stdout
    assert coordinator.stdout.readline() == "ready\n"
    is_done = threading.Event()

    def flood() -> None:
        while not is_done.wait(0.02):
            os.killpg(coordinator.pid, signal.SIGINT)
            os.killpg(coordinator.pid, signal.SIGHUP)

    thread = threading.Thread(target=flood)
    thread.start()
    line = coordinator.stdout.readline()
    is_done.set()
    thread.join()
    _, error = coordinator.communicate(timeout=120)
    assert (line, error, coordinator.returncode) == ("done\n", "", 0)


def test_an_exiting_process_collects_no_garbage() -> None:
    """What is registered first is called last: by then there is nothing left to look through."""
    program = (
        "import atexit, gc, os\n"
        "from hpsearch.engine.execution.child_processes import exit_with_parent\n"
        "atexit.register(lambda: print(len(gc.get_objects()), gc.get_freeze_count()))\n"
        "exit_with_parent(os.getppid())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    n_looked_through, n_frozen = map(int, ended.stdout.split())
    assert n_looked_through < n_frozen / 100
