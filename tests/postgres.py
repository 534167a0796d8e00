"""A real PostgreSQL server on loopback, in a folder of its own, that can be stopped and started."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg


def find_program(name: str) -> str | None:
    """One of PostgreSQL's programs; Debian keeps them off the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


@dataclass
class Postgres:
    """The server.

    Parameters
    ----------
    folder : Path
        Readable by everybody on the way to it: the server refuses to run as root.
    user, database : str
        The role that owns everything, and the database to connect to.
    """

    folder: Path
    user: str = "searcher"
    database: str = "postgres"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        address = f"{self.user}:{self.password}@127.0.0.1:{self.port}/{self.database}"
        return f"postgresql+psycopg://{address}"

    @property
    def environment(self) -> dict[str, str]:
        """For programs of PostgreSQL's own, and for URLs that name nothing but a database."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }

    def create(self) -> None:
        """Make an empty cluster."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            shutil.chown(secret, "postgres")
        self._run("initdb", "-U", self.user, "--auth=scram-sha-256", f"--pwfile={secret}").wait()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = self._run(
            "postgres", "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), "-F"
        )
        for _ in range(600):
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise AssertionError(f"PostgreSQL did not start; see {self.folder}/log")

    def execute(self, command: str, database: str = "postgres") -> None:
        """Run one SQL command outside a transaction."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
            autocommit=True,
        ) as connection:
            connection.execute(command.encode())

    def stop(self) -> None:
        """End it, cutting all connections."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        path = find_program(program)
        assert path
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [path, "-D", self.folder / "data", *arguments],
                user="postgres" if os.geteuid() == 0 else None,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
