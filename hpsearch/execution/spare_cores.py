"""Cores on which nothing can start, lent to the trials in flight."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from hpsearch.files import write_atomically

__all__ = ["FileSpareCores"]


@dataclass(frozen=True)
class FileSpareCores:
    """A number in a file that the coordinator writes and workers of its machine read.

    Nothing depends on it but how long an epoch takes: a worker that reads an old number, or
    none, trains the same net.

    Parameters
    ----------
    path : Path
        The file; not there while no core is lent.
    """

    path: Path

    def lend(self, n_each: int) -> None:
        """Let each trial in flight use so many cores besides its own, from its next epoch on."""
        with contextlib.suppress(OSError):  # a full disk stops a study when it has to
            if n_each:
                write_atomically(self.path, str(n_each).encode(), durable=False)
            else:
                self.path.unlink(missing_ok=True)

    def count(self) -> int:
        """How many; 0 if that is not known."""
        with contextlib.suppress(OSError, ValueError):
            return max(0, int(self.path.read_bytes()))
        return 0
