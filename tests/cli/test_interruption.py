"""Ctrl-C and SIGKILL, on the real program with real workers."""

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


def _wait_for_an_epoch(folder: StudyFolder) -> None:
    """Wait until a trial has left a checkpoint."""
    for _ in range(600):
        if list(folder.trials.glob("*/checkpoint.npz")):
            return
        time.sleep(0.05)
    raise AssertionError("no trial got to its first epoch")


def _status(capsys: pytest.CaptureFixture[str], root: Path) -> Any:
    capsys.readouterr()
    assert main(["status", "slow", "--json", "--workspace", str(root)]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_ctrl_c_stops_in_order_and_the_same_command_continues(
    start: Start,
    slow_study_file: Path,
    workspace: Workspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = start(slow_study_file, "--jobs", "2")
    _wait_for_an_epoch(workspace.study("slow"))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert error.splitlines()[-1].endswith("the same command continues")
    assert "Traceback" not in error
    stopped = _status(capsys, workspace.root)
    assert not stopped["complete"]
    assert stopped["trials"]["running"] == 0

    assert start(slow_study_file, "--jobs", "2").wait(240) == 0
    calm = tmp_path / "calm"
    assert start(slow_study_file, "--jobs", "1", root=calm).wait(240) == 0
    continued = _status(capsys, workspace.root)
    assert continued["complete"]
    assert continued["fingerprint"] == _status(capsys, calm)["fingerprint"]


@pytest.mark.slow
def test_sigkill_loses_nothing(
    start: Start,
    slow_study_file: Path,
    workspace: Workspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for delay in (0.2, 1.0, 1.7):
        process = start(slow_study_file, "--jobs", "2")
        _wait_for_an_epoch(workspace.study("slow"))
        time.sleep(delay)
        process.kill()
        process.wait()
    killed = _status(capsys, workspace.root)
    assert killed["trials"]["running"] == 0  # they wait for the next coordinator
    assert start(slow_study_file, "--jobs", "2").wait(240) == 0
    calm = tmp_path / "calm"
    assert start(slow_study_file, "--jobs", "2", root=calm).wait(240) == 0
    after, expected = _status(capsys, workspace.root), _status(capsys, calm)
    assert after["fingerprint"] == expected["fingerprint"]
    assert after["best"]["net_sha256"] == expected["best"]["net_sha256"]
    assert after["trials"] == expected["trials"]
