"""What training tells: one epoch after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Epoch"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images, as it was.

    Parameters
    ----------
    number : int
        1 for the first.
    train_loss, train_score : float
        Loss and metric, means over the epoch's examples, each taken before the step that
        used it.
    val_score : float
        The metric on all validation examples at the end of the epoch. If training diverged in
        it: the last of a finite net.
    learning_rate : float
        The rate in force in the middle of the epoch.
    duration_s : float
        Wall time of the epoch, its validation included. Not part of a result.
    ended_at : float
        When it ended, in seconds since 1970. Not part of a result.
    iteration_losses : tuple of float
        Loss of each step, in order.
    diverged : bool
        True if a loss was nan or inf; the epoch ended there and training with it.
    val_others : mapping
        What is shown beside the metric, by name.
    """

    number: int
    train_loss: float
    train_score: float
    val_score: float
    learning_rate: float
    duration_s: float
    ended_at: float
    iteration_losses: tuple[float, ...]
    diverged: bool = False
    val_others: Mapping[str, float] = field(default_factory=dict)
