"""Epochs of a training, and their history as a JSON file for users; training does not read it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.files import write_atomically

__all__ = [
    "HISTORY_FILE",
    "Epoch",
    "HistoryWriter",
    "decode_epochs",
    "load_history",
    "save_history",
]

HISTORY_FILE = "history.json"


@dataclass(frozen=True)
class Epoch:
    """Result of one epoch: what the trainer measured, and the validation of the model.

    Parameters
    ----------
    number : int
        1 for the first.
    val_score : float
        The metric on all validation examples at the end of the epoch, with folds that of the
        out-of-fold predictions of all examples; nan if there is nothing to validate on. Of an epoch
        in which training diverged, the value of the epoch before, and of the best constant
        prediction if it is the first.
    duration_s : float
        Wall time of the epoch, its validation included. Not part of a result.
    ended_at : float
        Time of its end, in seconds since 1970. Not part of a result.
    metrics : mapping
        What the trainer returned, a number each, by name: ``train_loss``, ``learning_rate``.
    step_metrics : mapping
        What it returned for each step, in order, by name.
    diverged : bool
        Whether one of these was nan or inf; the training ended there.
    val_others : mapping
        Other metrics on the validation examples, by name.
    """

    number: int
    val_score: float
    duration_s: float
    ended_at: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    step_metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    diverged: bool = False
    val_others: Mapping[str, float] = field(default_factory=dict)

    @property
    def step_losses(self) -> tuple[float, ...]:
        """Loss of each step, if the trainer measures it as ``iteration_loss``."""
        return self.step_metrics.get("iteration_loss", ())

    def measured(self, name: str) -> float:
        """Return the trainer's metric `name`; nan if it does not measure it."""
        return self.metrics.get(name, math.nan)


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
