"""The history of a training as a file for others to read; training itself never needs it."""

import json
from collections.abc import Sequence
from pathlib import Path

from hpsearch.errors import DamagedDataError
from hpsearch.files import write_atomically
from hpsearch.training.epoch import Epoch

__all__ = ["HISTORY_FILE", "load_history", "save_history"]

HISTORY_FILE = "history.json"


def save_history(path: Path, epochs: Sequence[Epoch], *, durable: bool = True) -> None:
    """Write all epochs so far to `path`, wholly or not at all; see `write_atomically`."""
    content = json.dumps([vars(epoch) for epoch in epochs]).encode()
    write_atomically(path, content, durable=durable)


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
