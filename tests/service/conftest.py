"""One stack and one disturbed study on it, made once: starting a stack takes a while."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from hpsearch.api.run import run_study
from hpsearch.engine.definition import load_definition
from hpsearch.engine.records import TrialRecord
from hpsearch.engine.scheduling import RunOptions, StudyEnded
from hpsearch.engine.workspace import Workspace
from tests.api.conftest import DisabledPublisher
from tests.service.stack import ROOT, Stack, running_stack

STUDY = """
trials = 6
lag = 3
[data]
source = "digits"
train = 600
validation = 150
test = 100
[search]
pruner = { name = "median", n_startup_trials = 2, n_warmup_epochs = 50 }
[search.space]
batch_size = 50
initial_std = 0.01
learning_rate = { low = 0.003, high = 0.1, log = true }
reg = 1e-3
hidden_size = { low = 4, high = 24 }
epochs = { low = 200, high = 400 }
"""
PROGRAM = "from hpsearch.cli import main; raise SystemExit(main())"


@pytest.fixture(scope="session")
def service_folder() -> Iterator[Path]:
    """Readable by everybody on the way to it, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def stack(postgres_programs: None, service_folder: Path) -> Iterator[Stack]:
    """The services of docker-compose.yml, running."""
    with running_stack(service_folder / "stack") as stack:
        (stack.folder / "served.toml").write_text(STUDY)
        yield stack


@pytest.fixture(scope="session")
def calm(service_folder: Path) -> list[TrialRecord]:
    """The same study as a laptop records it, undisturbed, with a journal and threads."""
    (service_folder / "served.toml").write_text(STUDY)
    workspace = Workspace(service_folder / "calm")
    options = RunOptions(workspace, n_jobs=2, backend="threading")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hpsearch.api.run.MlflowPublisher", DisabledPublisher)
        definition = load_definition(service_folder / "served.toml")
        *_, ended = run_study(definition, options, threading.Event())
    assert isinstance(ended, StudyEnded)
    assert ended.is_complete
    return list(ended.records)


def call(
    stack: Stack, *arguments: str | Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command of the program where the `study` service runs."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=stack.environment("study") | {"PYTHONPATH": str(ROOT)} | environment,
        cwd=stack.folder,
        capture_output=True,
        text=True,
        timeout=240,
    )


def read_status(stack: Stack, name: str = "served") -> dict[str, Any]:
    """What the program says of a study in the stack's stores."""
    done = call(stack, "status", name, "--json")
    assert done.returncode == 0, done.stderr
    status: dict[str, Any] = json.loads(done.stdout)
    return status


@dataclass(frozen=True)
class Observations:
    """What was seen of a study while it ran and after it."""

    exit_code: int
    output: str
    error: str
    command_lines: tuple[str, ...]
    worker_environments: tuple[dict[str, str], ...]
    worker_peers: frozenset[int]
    disturbances: tuple[str, ...]


@pytest.fixture(scope="session")
def disturbed(stack: Stack) -> Observations:
    """The study through the stack: a worker is killed, both stores restart in the middle."""
    process = stack.study("served.toml")
    trials = Path(stack.environment("study")["HPSEARCH_WORKSPACE"]) / "studies/served/trials"
    disturbances: list[str] = []
    seen: list[Any] = []

    def restart_postgres() -> None:
        stack.postgres.stop()
        stack.postgres.start()

    def restart_mlflow() -> None:
        stack.kill("mlflow")
        stack.launch("mlflow")

    def kill_a_worker() -> None:
        # Before it dies: whom the workers talk to, and what they know.
        processes = stack.worker_processes()
        environments = tuple(process.environ() for process in processes)
        peers = frozenset(
            connection.raddr.port
            for one in processes
            for connection in one.net_connections()
            if connection.raddr
        )
        everybody = psutil.process_iter(["cmdline"])
        lines = tuple(" ".join(one.info["cmdline"] or ()) for one in everybody)
        seen.extend((lines, environments, peers))
        processes[0].kill()

    # As soon as so many trials have begun.
    plan = {2: kill_a_worker, 3: restart_postgres, 4: restart_mlflow}
    while process.poll() is None:
        n_begun = len(list(trials.glob("*/history*")))
        due = [n for n in plan if n <= n_begun]
        for n in due:
            disturbances.append(plan[n].__name__)
            plan.pop(n)()
        time.sleep(0.05)
    output, error = process.communicate()
    stack.wait_for_mlflow()
    return Observations(process.returncode, output, error, *seen, tuple(disturbances))
