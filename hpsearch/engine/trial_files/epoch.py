"""Result of one epoch of training."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Epoch"]


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
