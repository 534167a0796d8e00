"""Idle cores that speed up running trials."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from hpsearch.foundations.files import write_atomically

__all__ = ["FileSpareCores"]


@dataclass(frozen=True)
class FileSpareCores:
    """Number of additional cores for each trial, in a file.

    The coordinator writes it, workers of its machine read it. Only the duration of an epoch
    depends on it: a worker that reads an old number, or none, trains the same net.

    Parameters
    ----------
    path : Path
        The file; absent while there are no additional cores.
    """

    path: Path

    def lend(self, n_each: int) -> None:
        """Let each running trial use `n_each` additional cores from its next epoch on."""
        with contextlib.suppress(OSError):  # not essential; a full disk stops the study elsewhere
            if n_each:
                write_atomically(self.path, str(n_each).encode(), durable=False)
            else:
                self.path.unlink(missing_ok=True)

    def count(self) -> int:
        """Read the number of additional cores of each trial; 0 if unknown."""
        with contextlib.suppress(OSError, ValueError):
            return max(0, int(self.path.read_bytes()))
        return 0
