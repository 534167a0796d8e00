"""Looking at a study that another process runs."""

import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hpsearch.engine.execution import FileLease
from hpsearch.engine.workspace import Workspace

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lease(workspace: Workspace, has_run: Path) -> FileLease:
    """As if this process ran the study."""
    lease = FileLease(workspace.study("small").lease, "token", os.getpid(), platform.node())
    lease.grant()
    return lease


def test_watching_a_study_that_nobody_runs_shows_it_once(program: Program, has_run: Path) -> None:
    code, output, _ = program("status", has_run, "--watch")
    assert code == 0
    assert output.count("fingerprint") == 1


def test_watching_ends_with_the_run(program: Program, lease: FileLease) -> None:
    threading.Timer(0.5, lease.revoke).start()
    code, output, error = program("status", "small", "--watch")
    assert (code, error) == (0, "")
    assert "small (complete)" in output


@pytest.fixture
def _heeding_ctrl_c() -> Iterator[None]:
    """Tests of in-process workers may have left SIGINT ignored, as workers do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeding_ctrl_c")
def test_ctrl_c_leaves_quietly(program: Program, lease: FileLease) -> None:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    code, output, error = program("status", "small", "--watch")
    assert (code, error) == (0, "")
    assert "small (running)" in output
