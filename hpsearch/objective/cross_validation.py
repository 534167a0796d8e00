"""Cross-validation: a net for each fold, trained together and scored as one trial."""

import math
from collections.abc import Sequence
from itertools import zip_longest
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.objective.net_training import NetTraining
from hpsearch.training import Epoch, NetState, name_by_fold

__all__ = ["CrossValidation"]


class CrossValidation:
    """Training of one net for each fold, an epoch of each in turn.

    The validation score is the metric of the out-of-fold predictions: each example is predicted by
    the net that was not trained on it. For a metric that is a mean over examples, this equals the
    mean of the folds' scores, weighted by their numbers of examples.

    Parameters
    ----------
    trainings : sequence of NetTraining
        One for each fold, trained on all other folds and validated on this one.
    folds : int array, shape (N,)
        The fold of each example.
    """

    def __init__(self, trainings: Sequence[NetTraining], folds: NDArray[np.int64]) -> None:
        self._trainings = trainings
        self._folds = folds
        self._targets = self._gather([one.validation_targets for one in trainings])

    @property
    def first(self) -> NetTraining:
        """Training of the first fold's net."""
        return self._trainings[0]

    @property
    def validation_targets(self) -> NDArray[Any]:
        """Targets of all examples, shape (N,)."""
        return self._targets

    def train_epoch(self) -> Epoch:
        """Train one more epoch of each fold.

        Returns
        -------
        Epoch
            Training loss, training metric and losses of steps are means over the folds; the
            duration is their sum. Diverged if any of the folds has; then not validated.
        """
        epochs = [one.train_epoch() for one in self._trainings]
        diverged = any(epoch.diverged for epoch in epochs)
        metric = self.first.split.metric
        measured = {metric.name: math.nan}
        if not diverged:
            measured = metric.measure(self._targets, self.predict())
        steps = zip_longest(*(epoch.iteration_losses for epoch in epochs))
        return Epoch(
            number=epochs[0].number,
            train_loss=fmean(epoch.train_loss for epoch in epochs),
            train_score=fmean(epoch.train_score for epoch in epochs),
            val_score=measured.pop(metric.name),
            learning_rate=epochs[0].learning_rate,
            duration_s=sum(epoch.duration_s for epoch in epochs),
            ended_at=epochs[-1].ended_at,
            # Larger folds may have one step more.
            iteration_losses=tuple(
                fmean(loss for loss in losses if loss is not None) for losses in steps
            ),
            diverged=diverged,
            val_others=measured,
        )

    def predict(self) -> NDArray[Any]:
        """Predict all examples out of fold, shape (N,)."""
        return self._gather([one.predict() for one in self._trainings])

    def states(self, *, is_last: bool) -> tuple[NetState, ...]:
        """Return the states of all folds."""
        return tuple(state for one in self._trainings for state in one.states(is_last=is_last))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of all folds, by fold and name."""
        return name_by_fold([one.arrays() for one in self._trainings])

    def _gather(self, by_fold: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Combine values of each fold's examples, in the order of all examples."""
        gathered = np.empty(len(self._folds), by_fold[0].dtype)
        for fold, own in enumerate(by_fold):
            gathered[self._folds == fold] = own
        return gathered
