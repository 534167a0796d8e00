"""``hpsearch ui``: MLflow's real server, started, stopped and failing."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from torture import find_port

from hpsearch.cli import main
from hpsearch.cli.viewing import _environment
from hpsearch.engine.workspace import Workspace
from hpsearch.tracking import TrackingStore

SECRET = "postgresql+psycopg://me:secret@127.0.0.1:1/x"


@contextlib.contextmanager
def _serving(workspace: Workspace, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [str(Path(sys.executable).with_name("hpsearch")), "ui", "--port", str(port)]
    command += ["--workspace", str(workspace.root)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def _wait_until_up(port: int, server: subprocess.Popen[str]) -> None:
    while server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
            return
        time.sleep(0.1)
    pytest.fail("the server has ended")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_server_runs_until_interrupted_and_leaves_no_process(
    workspace: Workspace, number: signal.Signals
) -> None:
    port = find_port()
    with _serving(workspace, port) as server:
        _wait_until_up(port, server)
        children = psutil.Process(server.pid).children(recursive=True)
        assert not [one for one in children if str(workspace.root) in " ".join(one.cmdline())]
        server.send_signal(number)
        assert server.wait() == 0
        assert not [one for one in children if one.is_running()]


@pytest.mark.slow
def test_a_server_that_ends_by_itself_is_an_error(workspace: Workspace) -> None:
    """MLflow's own command exits with 0 then."""
    port = find_port()
    with _serving(workspace, port) as server:
        _wait_until_up(port, server)
        (child,) = psutil.Process(server.pid).children()
        (grandchild,) = child.children()
        grandchild.kill()
        assert server.wait() == 4


def test_a_port_that_is_taken_is_one_line(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code = main(["ui", "--workspace", str(workspace.root), "--port", str(port)])
    assert code == 2
    assert capsys.readouterr().err == (
        f"hpsearch: --port {port}: cannot be used (Address already in use); give another\n"
    )


@pytest.mark.parametrize("content", [b"no database " * 100, None])
def test_a_store_that_cannot_be_opened_is_one_line(
    workspace: Workspace,
    content: bytes | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)  # nothing is started
    arguments = ["ui", "--workspace", str(workspace.root), "--port", str(find_port())]
    if content:
        workspace.mlflow_db.write_bytes(content)
    else:
        arguments += ["--tracking-uri", SECRET]
    assert main(arguments) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "secret" not in error


def test_the_store_is_passed_by_environment_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_STORE_URI", "sqlite:///another.db")
    environment = _environment(TrackingStore(SECRET, tmp_path))
    assert environment["MLFLOW_BACKEND_STORE_URI"] == SECRET
    assert environment["MLFLOW_REGISTRY_STORE_URI"] == SECRET
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"] == str(tmp_path)
