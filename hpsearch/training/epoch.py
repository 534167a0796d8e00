"""Result of one epoch of training."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Epoch"]


@dataclass(frozen=True)
class Epoch:
    """Result of one pass over the training examples.

    Parameters
    ----------
    number : int
        1 for the first.
    train_loss, train_score : float
        Loss and metric, means over the epoch's examples, each evaluated before the step that used
        it.
    val_score : float
        The metric on all validation examples at the end of the epoch, with folds that of the
        out-of-fold predictions of all examples; nan if there is nothing to validate on. Of an epoch
        in which training diverged, the value of the epoch before, and of the best constant
        prediction if it is the first.
    learning_rate : float
        The rate in the middle of the epoch.
    duration_s : float
        Wall time of the epoch, its validation included. Not part of a result.
    ended_at : float
        Time of its end, in seconds since 1970. Not part of a result.
    iteration_losses : tuple of float
        Loss of each step, in order.
    diverged : bool
        Whether a loss was nan or inf; the epoch and the training ended there.
    val_others : mapping
        Other metrics on the validation examples, by name.
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
