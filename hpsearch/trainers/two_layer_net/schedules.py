"""Learning-rate schedules."""

import math
from collections.abc import Callable

from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters

__all__ = ["make_schedule"]


def make_schedule(setting: Hyperparameters) -> Callable[[int, float], float]:
    """Return the learning rate as a function of the epoch, from 1, and the completed part of it.

    Parameters
    ----------
    setting : Hyperparameters
        Has the schedule, warm-up and rates.
    """
    n_warmup = setting.warmup_epochs

    def rate(epoch: int, share: float) -> float:
        elapsed = epoch - 1 + share
        if setting.schedule == "cosine":
            full = _cosine(setting, elapsed)
        else:
            full = _exponential(setting, epoch)
        return full if elapsed >= n_warmup else full * elapsed / n_warmup

    return rate


def _exponential(setting: Hyperparameters, epoch: int) -> float:
    rate = setting.learning_rate
    for _ in range(epoch - 1):
        # Multiplied, not raised to a power: another rounding would change recorded results.
        rate *= setting.learning_rate_decay
    return rate


def _cosine(setting: Hyperparameters, elapsed: float) -> float:
    """Loshchilov & Hutter 2017, equation 5, without restarts."""
    return setting.learning_rate * (1 + math.cos(math.pi * elapsed / setting.epochs)) / 2
