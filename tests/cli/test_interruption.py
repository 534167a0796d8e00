"""Ctrl-C and SIGKILL, on the real program with real workers."""

import contextlib
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hpsearch.cli import main
from hpsearch.engine.workspace import StudyFolder, Workspace
from tests.cli.lines import assert_stopped

Start = Callable[..., subprocess.Popen[str]]


def _wait_for_an_epoch(folder: StudyFolder, since: float) -> None:
    """Wait until a trial has left a checkpoint, later than `since`."""
    for _ in range(600):
        if any(path.stat().st_mtime > since for path in folder.trials.glob("*/checkpoint.npz")):
            return
        time.sleep(0.05)
    raise AssertionError("no trial got to its first epoch")


def _status(root: Path) -> Any:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["status", "slow", "--json", "--workspace", str(root)]) == 0
    return json.loads(out.getvalue())


@pytest.fixture(scope="module")
def calm(slow_study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The status of the study run undisturbed, by a single worker."""
    root = tmp_path_factory.mktemp("calm")
    assert main(["run", str(slow_study_file), "--jobs", "1", "--workspace", str(root)]) == 0
    return _status(root)


@pytest.mark.slow
def test_ctrl_c_stops_in_order_and_the_same_command_continues(
    start: Start,
    slow_study_file: Path,
    workspace: Workspace,
    calm: Any,
) -> None:
    begun = time.time()
    process = start(slow_study_file, "--jobs", "2")
    _wait_for_an_epoch(workspace.study("slow"), begun)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert_stopped(error)
    stopped = _status(workspace.root)
    assert not stopped["complete"]
    assert stopped["trials"]["running"] == 0

    assert start(slow_study_file, "--jobs", "2").wait(240) == 0
    continued = _status(workspace.root)
    assert continued["complete"]
    assert continued["fingerprint"] == calm["fingerprint"]


# By what a run shows that it has come to a stage. Each run continues the one before.
STAGES = {
    "waiting for the data": ("studies/slow/lock", signal.SIGINT),
    "preparing the data": ("data/.*", signal.SIGHUP),
    "opening the study": ("studies/slow/optuna.journal", signal.SIGINT),
    "starting workers": ("studies/slow/trials/0000", signal.SIGTERM),
    "training": ("studies/slow/trials/*/checkpoint.npz", signal.SIGINT),
    "judging the best net": ("studies/slow/best_net", signal.SIGINT),
    "writing MLflow": ("test_evaluations.jsonl", signal.SIGINT),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_signals_at_any_stage_stop_a_study_which_the_same_command_continues(
    start: Start, short_study: Path, tmp_path: Path
) -> None:
    """In a fresh workspace, so that MLflow's database is being made meanwhile."""
    root = tmp_path / "fresh"
    for path, number in STAGES.values():
        process = start(short_study, "--jobs", "2", root=root)
        children = _wait_for(process, root, path)
        _wait_until_signals_are_handled(process)
        for _ in range(5):
            os.killpg(process.pid, number)  # as a terminal does: to the workers too
            time.sleep(0.02)
        _, error = process.communicate(timeout=120)
        assert process.returncode == 130, (path, error)
        assert_stopped(error)
        _wait_until_gone(children)

    assert start(short_study, "--jobs", "2", root=root).wait(240) == 0
    status = _status(root)
    assert status["complete"]
    assert status["trials"]["running"] == 0
    assert len(status["test"]["looks"]) == 1


@pytest.mark.slow
def test_an_interrupted_creation_of_the_database_is_completed_by_the_next_run(
    start: Start, short_study: Path, tmp_path: Path
) -> None:
    root = tmp_path / "fresh"
    process = start(short_study, "--jobs", "2", root=root)
    children = _wait_for(process, root, "*mlflow.db*")
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)  # without waiting
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert_stopped(error)
    _wait_until_gone(children)
    assert start(short_study, "--jobs", "2", root=root).wait(240) == 0
    assert main(["reconcile", "slow", "--workspace", str(root)]) == 0


def _wait_for(process: subprocess.Popen[str], root: Path, pattern: str) -> list[psutil.Process]:
    """Wait until a path exists; the processes that the program has started by then."""
    while not any(root.glob(pattern)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    return psutil.Process(process.pid).children(recursive=True)


def _wait_until_signals_are_handled(process: subprocess.Popen[str]) -> None:
    """Wait for the program's own handlers: an earlier stage may have left the path already.

    SIGTERM tells, as Python itself handles SIGINT alone. Before that the program has not begun.
    """
    while True:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.005)


def _wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive


@pytest.mark.slow
def test_sigkill_loses_nothing(
    start: Start,
    slow_study_file: Path,
    workspace: Workspace,
    calm: Any,
) -> None:
    for delay in (0.2, 1.0, 1.7):
        begun = time.time()
        process = start(slow_study_file, "--jobs", "2")
        _wait_for_an_epoch(workspace.study("slow"), begun)
        time.sleep(delay)
        process.kill()
        process.wait()
    killed = _status(workspace.root)
    assert killed["trials"]["running"] == 0  # they wait for the next coordinator
    assert start(slow_study_file, "--jobs", "2").wait(240) == 0
    after = _status(workspace.root)
    assert after["fingerprint"] == calm["fingerprint"]
    assert after["best"]["net_sha256"] == calm["best"]["net_sha256"]
    assert after["trials"] == calm["trials"]
