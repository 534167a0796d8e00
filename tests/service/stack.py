"""The stack of docker-compose.yml without Docker: its commands and settings, on loopback.

Nothing about a service is written down here but where its addresses and folders lie on this
machine; the rest is read from the compose file, so that what is tested is what is shipped.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SECRETS = ("POSTGRES_PASSWORD", "MLFLOW_PASSWORD", "MLFLOW_SECRET_KEY")
# `${NAME}`, `${NAME:-default}` and `${NAME:?why it must be set}`.
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def read_compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with its variables filled in.

    Raises
    ------
    LookupError
        If a variable that must be set is not.
    """

    def fill(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        if value := variables.get(name):
            return value
        if kind == "?":
            raise LookupError(f"{name} {text}")
        return text or ""

    compose: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(fill, COMPOSE.read_text()))
    return compose


def find_ports(n: int) -> list[int]:
    """Free ports on loopback, no two the same."""
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class Stack:
    """PostgreSQL, MLflow, a Dask scheduler and two workers, in processes of their own.

    Parameters
    ----------
    folder : Path
        Where all of it lies; readable by everybody on the way to it.
    """

    folder: Path
    secrets: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_urlsafe(24) for name in SECRETS}
    )
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    started_in_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = read_compose(self.secrets)["services"]
        settings = self.services["postgres"]["environment"]
        (self.folder / "postgres").mkdir()
        self.postgres = Postgres(
            self.folder / "postgres",
            user=settings["POSTGRES_USER"],
            database=settings["POSTGRES_DB"],
            password=settings["POSTGRES_PASSWORD"],
        )
        self.mlflow_port, self.scheduler_port = find_ports(2)
        self.translations = {
            "0.0.0.0": "127.0.0.1",
            "http://mlflow:5000": self.tracking_uri,
            "mlflow:5000": f"127.0.0.1:{self.mlflow_port}",
            "--port=5000": f"--port={self.mlflow_port}",
            "tcp://scheduler:8786": self.scheduler_address,
            "--port=8786": f"--port={self.scheduler_port}",
            "/mlartifacts": str(self.folder / "mlartifacts"),
            "/tmp/dask": str(self.folder / "dask"),
            "/app/deploy": str(ROOT / "deploy"),
            "/workspace": str(self.folder / "workspace"),
            "/data": os.environ.get("HPSEARCH_DATA_DIR", str(self.folder / "data")),
        }

    @property
    def tracking_uri(self) -> str:
        """MLflow's server."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def scheduler_address(self) -> str:
        """Dask's."""
        return f"tcp://127.0.0.1:{self.scheduler_port}"

    def here(self, text: str) -> str:
        """A word of the compose file, with this machine's addresses and folders in it."""
        matches = sorted(self.translations, key=len, reverse=True)
        pattern = "|".join(map(re.escape, matches))
        return re.sub(pattern, lambda match: self.translations[match[0]], text)

    def command(self, name: str) -> list[str]:
        """What the service runs."""
        service = self.services[name]
        words: list[str] = [*service["entrypoint"], *service["command"]]
        program, arguments = words[0], words[1:]
        # The programs of this environment, as the image has them on its path.
        path = Path(sys.executable).with_name(program)
        return [str(path), *map(self.here, arguments)]

    def environment(self, name: str) -> dict[str, str]:
        """What the service finds in its environment, and as little else as a container has."""
        service = self.services[name].get("environment", {})
        settings = {key: self.here(str(value)) for key, value in service.items()}
        if "PGHOST" in settings:
            assert (settings["PGHOST"], settings["PGPORT"]) == ("postgres", "5432")
            settings |= {"PGHOST": "127.0.0.1", "PGPORT": str(self.postgres.port)}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
        } | settings

    def start(self) -> None:
        """Start everything, as compose orders it, and wait until it answers."""
        with self._timed("postgres"):
            self.postgres.create()
            self.postgres.start()
            self.postgres.execute(f"CREATE DATABASE {self.postgres.database}")
            script = ROOT / "deploy" / "databases.sql"
            assert any("databases.sql" in str(v) for v in self.services["postgres"]["volumes"])
            self.postgres.execute(script.read_text(), self.postgres.database)
        with self._timed("mlflow"), self._timed("scheduler and workers"):
            for name in ("mlflow", "scheduler"):
                self.launch(name)
            for name in ("worker-1", "worker-2"):
                self.launch(name)
            self.wait_for_port(self.scheduler_port)
        with self._timed("mlflow"):
            self.wait_for_mlflow()

    def stop(self) -> None:
        """End everything."""
        for name in list(self.processes):
            self.kill(name)
        self.postgres.stop()

    def launch(self, name: str) -> None:
        """Start one service; a number at the end of its name tells its copies apart."""
        service = name.partition("-")[0]
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.command(service),
                env=self.environment(service),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """End one service with SIGKILL, and all that it has started."""
        process = self.processes.pop(name)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        for member in family:
            member.kill()
        psutil.wait_procs(family[1:], timeout=10)
        process.wait()

    def worker_processes(self) -> list[psutil.Process]:
        """The processes that jobs run in, not the nannies that start them again."""
        return [
            child
            for name, process in self.processes.items()
            if name.startswith("worker")
            for child in psutil.Process(process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]

    def study(self, *arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
        """Start the `study` service with other arguments."""
        service = self.services["study"]
        program, script = service["entrypoint"]
        assert (program, script) == ("python", "scripts/run_study.py")
        return subprocess.Popen(
            [sys.executable, ROOT / script, *map(str, arguments)],
            env=self.environment("study") | environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def log(self, name: str) -> Path:
        """What a service has said."""
        return self.folder / f"{name}.log"

    def wait_for_port(self, port: int) -> None:
        """Wait until somebody listens."""
        _wait(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close(), self)

    def wait_for_mlflow(self) -> None:
        """Wait until the server says that it is well."""
        _wait(lambda: urllib.request.urlopen(f"{self.tracking_uri}/health", timeout=1), self)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.started_in_s[what] = self.started_in_s.get(what, 0.0) + time.monotonic() - started


def _wait(attempt: Callable[[], object], stack: Stack) -> None:
    gives_up_at = time.monotonic() + 60
    while True:
        try:
            attempt()
            return
        except OSError:
            dead = [name for name, p in stack.processes.items() if p.poll() is not None]
            if dead or time.monotonic() > gives_up_at:
                logs = "\n".join(stack.log(name).read_text()[-2000:] for name in dead)
                raise AssertionError(f"not up; ended: {dead}\n{logs}") from None
            time.sleep(0.1)


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """A stack in a folder of its own, ended in any case."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o755)
    stack = Stack(folder)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
