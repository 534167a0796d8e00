"""A worker's permission to go on: its coordinator's lease, and the Dask task that it runs."""

import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from hpsearch.foundations.files import write_atomically

__all__ = ["FileLease", "is_in_task", "is_wanted"]

# States of a task that Dask's worker runs and whose result a client waits for.
_WANTED = ("executing", "long-running")


@dataclass(frozen=True)
class FileLease:
    """A lease kept in a file that coordinator and workers can read.

    It ends when the coordinator revokes it, when another coordinator takes the study over, or
    when the coordinator's process is gone. An orphaned worker thus stops by itself and never
    writes into a study that another coordinator has resumed.

    Parameters
    ----------
    path : Path
        The file.
    token : str
        Identifies the coordinator's session.
    pid : int
        The coordinator's process id.
    host : str
        The machine that it runs on.
    is_revoked : bool
        Whether the coordinator has asked all workers to stop.
    """

    path: Path
    token: str
    pid: int
    host: str
    is_revoked: bool = False

    def grant(self) -> None:
        """Write this lease as the valid one."""
        self._write(is_revoked=False)

    def revoke(self) -> None:
        """Ask all workers to stop at the end of their epoch."""
        self._write(is_revoked=True)

    def is_seen(self) -> bool:
        """Whether this machine reads the file as its coordinator wrote it.

        If not, the folder is not shared with this machine, or the study has been taken over.
        """
        holder = FileLease.read(self.path)
        return holder is not None and holder.token == self.token

    def is_valid(self) -> bool:
        """Whether the lease is granted and its coordinator, if on this machine, alive."""
        holder = FileLease.read(self.path)
        if holder is None or holder.token != self.token or holder.is_revoked:
            return False
        return self.host != platform.node() or psutil.pid_exists(self.pid)

    @staticmethod
    def read(path: Path) -> "FileLease | None":
        """Read the lease last written to `path`; None if there is none."""
        try:
            return FileLease(path=path, **json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, *, is_revoked: bool) -> None:
        content = {
            "token": self.token,
            "pid": self.pid,
            "host": self.host,
            "is_revoked": is_revoked,
        }
        write_atomically(self.path, json.dumps(content).encode())


def is_in_task() -> bool:
    """Whether this thread runs a task of a Dask worker."""
    if "distributed" not in sys.modules:  # only Dask's workers import it, and it is slow
        return False
    from dask.context import thread_state

    return hasattr(thread_state, "execution_state")


def is_wanted() -> bool:
    """Whether a client still waits for this thread's result; true outside Dask.

    The scheduler cancels a task when the client that submitted it is gone, even if killed.
    """
    if not is_in_task():
        return True
    from dask.context import thread_state

    worker = thread_state.execution_state["worker"]
    task = worker.state.tasks.get(thread_state.key)
    return task is not None and task.state in _WANTED
