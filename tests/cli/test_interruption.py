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

import pytest

from hpsearch.cli import main
from hpsearch.workspace import StudyFolder, Workspace

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
    assert error.splitlines()[-1].endswith("the same command continues")
    assert "Traceback" not in error
    stopped = _status(workspace.root)
    assert not stopped["complete"]
    assert stopped["trials"]["running"] == 0

    assert start(slow_study_file, "--jobs", "2").wait(240) == 0
    continued = _status(workspace.root)
    assert continued["complete"]
    assert continued["fingerprint"] == calm["fingerprint"]


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
