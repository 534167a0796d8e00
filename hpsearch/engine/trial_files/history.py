"""The history of a training as a JSON file for users; training itself does not read it."""

import json
from collections.abc import Sequence
from pathlib import Path

from hpsearch.engine.trial_files.epoch import Epoch
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.files import write_atomically

__all__ = ["HISTORY_FILE", "HistoryWriter", "decode_epochs", "load_history", "save_history"]

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
        write_atomically(self._path, self.encode(epochs), durable=durable)

    def encode(self, epochs: Sequence[Epoch]) -> bytes:
        """Return the file's content with `epochs`: those of the previous call, and new ones."""
        self._texts += [json.dumps(vars(epoch)) for epoch in epochs[len(self._texts) :]]
        return f"[{', '.join(self._texts)}]".encode()


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
        return decode_epochs(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedDataError(f"{path}: expected a history of epochs, got {error}") from error


def decode_epochs(content: bytes) -> tuple[Epoch, ...]:
    """Read what `HistoryWriter.encode` returned.

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError
        If it is anything else.
    """
    return tuple(
        Epoch(
            **row
            | {"step_metrics": {name: tuple(one) for name, one in row["step_metrics"].items()}}
        )
        for row in json.loads(content)
    )
