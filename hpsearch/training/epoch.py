"""What training takes and what it tells: hyperparameters in, epochs out."""

from dataclasses import dataclass

__all__ = ["Epoch", "Hyperparameters"]


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that shapes one training besides the data and the seed.

    Parameters
    ----------
    learning_rate : float
        SGD step size in the first epoch.
    learning_rate_decay : float
        Factor applied to the learning rate after each epoch.
    reg : float
        Weight of ``sum(W1**2) + sum(W2**2)`` in the loss.
    hidden_size : int
        Number of hidden units.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images per step; an epoch's last batch may be smaller.
    initial_std : float
        Standard deviation of the weights before the first step.
    """

    learning_rate: float
    learning_rate_decay: float
    reg: float
    hidden_size: int
    epochs: int
    batch_size: int
    initial_std: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images, as it was.

    Parameters
    ----------
    number : int
        1 for the first.
    train_loss, train_accuracy : float
        Means over the epoch's images, each taken before the step that used it.
    val_accuracy : float
        Accuracy on all validation images at the end of the epoch. If training diverged in
        it: the last accuracy of a finite net.
    learning_rate : float
        The rate in force during the epoch.
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
    train_accuracy: float
    val_accuracy: float
    learning_rate: float
    duration_s: float
    ended_at: float
    iteration_losses: tuple[float, ...]
    diverged: bool = False
