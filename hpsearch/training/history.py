"""The history of a training as a JSON file for users; training itself does not read it."""

import json
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import DamagedDataError
from hpsearch.files import write_atomically
from hpsearch.training.epoch import Epoch

__all__ = ["HISTORY_FILE", "HistoryWriter", "load_history", "save_history"]

HISTORY_FILE = "history.json"


class HistoryWriter:
    """Writes the history after each epoch, encoding each epoch only once.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: list[str] = []

    def save(self, epochs: Sequence[Epoch], *, durable: bool = True) -> None:
        """Write all epochs so far, atomically; see `write_atomically`.

        Parameters
        ----------
        epochs : sequence of Epoch
            Those of the previous call, followed by new ones.
        durable : bool
            Whether the file must survive a failure of the machine.
        """
        new = epochs[len(self._texts) :]
        self._texts += [json.dumps(vars(epoch)) for epoch in new]
        write_atomically(self._path, f"[{', '.join(self._texts)}]".encode(), durable=durable)


def save_history(path: Path, epochs: Sequence[Epoch]) -> None:
    """Write a complete history to `path`, atomically."""
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
