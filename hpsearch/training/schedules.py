"""How large steps are, as training goes on."""

import math
from collections.abc import Callable

from hpsearch.training.hyperparameters import Hyperparameters

__all__ = ["make_schedule"]


def make_schedule(setting: Hyperparameters) -> Callable[[int, float], float]:
    """The learning rate as a function of the epoch, from 1, and of the share of it that is over.

    Parameters
    ----------
    setting : Hyperparameters
        Schedule, warm-up and rates.
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
        # Multiplied rather than raised to a power: the rounding that training always had.
        rate *= setting.learning_rate_decay
    return rate


def _cosine(setting: Hyperparameters, elapsed: float) -> float:
    """Loshchilov & Hutter 2017, equation 5, without restarts."""
    return setting.learning_rate * (1 + math.cos(math.pi * elapsed / setting.epochs)) / 2
