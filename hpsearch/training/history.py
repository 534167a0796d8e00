"""The history of a training as a file for others to read; training itself never needs it."""

import json
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import DamagedDataError
from hpsearch.files import write_atomically
from hpsearch.training.epoch import Epoch

__all__ = ["HISTORY_FILE", "HistoryWriter", "load_history", "save_history"]

HISTORY_FILE = "history.json"


class HistoryWriter:
    """Writes a history again after each epoch, turning none of them into text twice.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: list[str] = []

    def save(self, epochs: Sequence[Epoch], *, durable: bool = True) -> None:
        """Write all epochs so far, wholly or not at all; see `write_atomically`.

        Parameters
        ----------
        epochs : sequence of Epoch
            Those of the call before, and any that have come since.
        durable : bool
            Whether the file shall be there even if the machine fails.
        """
        new = epochs[len(self._texts) :]
        self._texts += [json.dumps(vars(epoch)) for epoch in new]
        write_atomically(self._path, f"[{', '.join(self._texts)}]".encode(), durable=durable)


def save_history(path: Path, epochs: Sequence[Epoch]) -> None:
    """Write a history that is complete to `path`, wholly or not at all."""
    HistoryWriter(path).save(epochs)


def load_history(path: Path) -> tuple[Epoch, ...]:
    """Read what `save_history` wrote; empty if there is nothing yet.

    Raises
    ------
    DamagedDataError
        If the file is not a history.
    """
    try:
        rows = json.loads(path.read_bytes())
        return tuple(
            Epoch(**row | {"iteration_losses": tuple(row["iteration_losses"])}) for row in rows
        )
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedDataError(f"{path}: expected a history of epochs, got {error}") from error
