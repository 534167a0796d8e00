"""What training tells: one epoch after the other."""

from dataclasses import dataclass

__all__ = ["Epoch"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images, as it was.

    Parameters
    ----------
    number : int
        1 for the first.
    train_loss, train_score : float
        Means over the epoch's images, each taken before the step that used it.
    val_score : float
        Accuracy on all validation images at the end of the epoch. If training diverged in
        it: the last accuracy of a finite net.
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
