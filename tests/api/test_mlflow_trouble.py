"""MLflow that hangs, is wiped or loses answers: a real server, real stores, a real socket."""

import contextlib
import http.client
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from torture import Server, find_port
from torture_verdict import count_mismatches

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import TrialRecord
from hpsearch.engine.scheduling import Event, MirrorBehind, StudyEnded, TestScored, TrialEnded
from hpsearch.engine.workspace import Workspace

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]


@pytest.fixture
def server(tmp_path: Path, migrated_mlflow: Path) -> Iterator[Server]:
    """An MLflow server with an empty store."""
    one = Server(tmp_path / "server", find_port())
    one.folder.mkdir()
    shutil.copy(migrated_mlflow, one.folder / "server.db")
    one.start()
    one.wait()
    yield one
    one.kill()


def _records(events: list[Event]) -> list[TrialRecord]:
    (ended,) = [event for event in events if isinstance(event, StudyEnded)]
    assert ended.is_complete
    return list(ended.records)


def test_a_server_that_never_answers_holds_up_neither_the_study_nor_its_end(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end waits for something to get done, and nothing does."""
    monkeypatch.setattr("hpsearch.api.run._STALL_S", 1.0)
    monkeypatch.setattr("hpsearch.api.run._PATIENCE_S", 1e6)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # the kernel accepts for it
        uri = f"http://127.0.0.1:{mute.getsockname()[1]}"
        events = conduct(define(trials=3), shown=True, tracking_uri=uri)
    assert len(_records(events)) == 3
    assert [event for event in events if isinstance(event, TestScored)]
    assert isinstance(events[-1], MirrorBehind)
    assert events[-1].reason == "nothing got done for 1 s"


@pytest.mark.slow
def test_a_server_wiped_during_a_run_is_synchronized_at_its_end(
    define: Define,
    conduct: Conduct,
    workspace: Workspace,
    server: Server,
    migrated_mlflow: Path,
) -> None:
    n_wiped = 0

    def wipe(event: Event) -> bool:
        nonlocal n_wiped
        if isinstance(event, TrialEnded) and len(_shown(server)) >= 2 and not n_wiped:
            server.kill()
            # Of a transaction that the kill cut short; SQLite would apply it to the new file.
            (server.folder / "server.db-journal").unlink(missing_ok=True)
            shutil.copy(migrated_mlflow, server.folder / "server.db")
            shutil.rmtree(server.folder / "artifacts", ignore_errors=True)
            server.start()
            server.wait()
            n_wiped += 1
        return False

    slow = define(trials=8, space={"epochs": {"low": 100, "high": 150}})
    events = conduct(slow, shown=True, tracking_uri=server.uri, stop_at=wipe)
    assert n_wiped
    assert not [event for event in events if isinstance(event, MirrorBehind)]
    folder = workspace.study("small")
    assert count_mismatches(server.uri, "small", _records(events), folder) == 0


@pytest.mark.slow
def test_a_run_created_twice_after_a_lost_response_is_kept_once(
    define: Define, conduct: Conduct, workspace: Workspace, server: Server
) -> None:
    with _losing_answers(server.port, to="/runs/create", n=3) as proxy:
        uri = f"http://127.0.0.1:{proxy.server_port}"
        events = conduct(define(trials=4), shown=True, tracking_uri=uri)
    assert proxy.n_lost == 3
    folder = workspace.study("small")
    assert count_mismatches(server.uri, "small", _records(events), folder) == 0
    assert _deleted(server) == (3, 3)


def _runs(server: Server, view: int = ViewType.ACTIVE_ONLY) -> list[Any]:
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("small")
    return list(client.search_runs([experiment.experiment_id], run_view_type=view))


def _shown(server: Server) -> list[Any]:
    try:
        return [run for run in _runs(server) if run.info.status == "FINISHED"]
    except AttributeError:  # no experiment yet
        return []


def _deleted(server: Server) -> tuple[int, int]:
    """How many runs were deleted, and how many of them were bare."""
    runs = _runs(server, ViewType.DELETED_ONLY)
    return len(runs), sum(not run.data.metrics and not run.data.params for run in runs)


class _Proxy(ThreadingHTTPServer):
    """Hands everything on, but of one kind of answer not the first, third, fifth ..."""

    def __init__(self, port: int, to: str, n: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.port, self.to, self.n_to_lose = port, to, n
        self.n_answers = self.n_lost = 0


class _Relay(BaseHTTPRequestHandler):
    server: _Proxy

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there = http.client.HTTPConnection("127.0.0.1", self.server.port)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        there.request(self.command, self.path, body, headers)
        answer = there.getresponse()
        content = answer.read()
        if self.path.endswith(self.server.to):
            self.server.n_answers += 1
            if self.server.n_answers % 2 and self.server.n_lost < self.server.n_to_lose:
                self.server.n_lost += 1
                self.close_connection = True
                return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def _losing_answers(port: int, *, to: str, n: int) -> Iterator[_Proxy]:
    proxy = _Proxy(port, to, n)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()
