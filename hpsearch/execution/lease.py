"""The permission to train and write, tied to a coordinator that is alive and wants it."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from hpsearch.files import write_atomically

__all__ = ["FileLease"]


@dataclass(frozen=True)
class FileLease:
    """A lease kept in a file that coordinator and workers can read.

    It ends when the coordinator revokes it, when another coordinator takes the study over, or
    when the coordinator's process is gone. A worker left alone thus stops by itself and never
    writes into a study that somebody else has resumed.

    Parameters
    ----------
    path : Path
        The file.
    token : str
        Names this coordinator's session.
    pid : int
        The coordinator's process.
    host : str
        The machine that it runs on.
    """

    path: Path
    token: str
    pid: int
    host: str

    def grant(self) -> None:
        """Make this the lease in force."""
        write_atomically(self.path, json.dumps(self._content()).encode())

    def revoke(self) -> None:
        """Ask all workers to stop at the end of their epoch."""
        write_atomically(self.path, json.dumps(self._content() | {"token": None}).encode())

    def is_valid(self) -> bool:
        """Whether the lease is in force and its coordinator, if on this machine, alive."""
        holder = FileLease.read(self.path)
        if holder is None or holder.token != self.token:
            return False
        return self.host != platform.node() or psutil.pid_exists(self.pid)

    @staticmethod
    def read(path: Path) -> "FileLease | None":
        """The lease last written to `path`; None if there is none."""
        try:
            return FileLease(path=path, **json.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _content(self) -> dict[str, str | int | None]:
        return {"token": self.token, "pid": self.pid, "host": self.host}
