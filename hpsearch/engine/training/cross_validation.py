"""Cross-validation: a model for each fold, trained together and scored as one trial."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.training.fit import Fit
from hpsearch.engine.trial_files import Epoch, FitState
from hpsearch.foundations.metrics import Metric
from hpsearch.trainers.state import name_by_fold

__all__ = ["CrossValidation"]


class CrossValidation:
    """Training of one model for each fold, an epoch of each in turn.

    The validation score is the metric of the out-of-fold predictions: each example is predicted by
    the model that was not trained on it. For a metric that is a mean over examples, this equals the
    mean of the folds' scores, weighted by their numbers of examples.

    Parameters
    ----------
    fits : sequence of Fit
        One for each fold, trained on all other folds and validated on this one.
    folds : int array, shape (N,)
        The fold of each example.
    metric : Metric
        Metric of the study.
    """

    def __init__(self, fits: Sequence[Fit], folds: NDArray[np.int64], metric: Metric) -> None:
        self._fits = fits
        self._folds = folds
        self._metric = metric
        self._targets = self._gather([one.targets for one in fits])

    def train_epoch(self, number: int, before: Epoch | None) -> Epoch:
        """Train one more epoch of each fold.

        Returns
        -------
        Epoch
            What the trainer measured are means over the folds; the duration is their sum. Diverged
            if any of the folds has: validation metrics are then those of `before`.
        """
        epochs = [one.train_epoch(number, before) for one in self._fits]
        diverged = any(epoch.diverged for epoch in epochs)
        if not diverged:
            measured = self._metric.measure(self._targets, self.predict())
        elif before:
            measured = {self._metric.name: before.val_score, **before.val_others}
        else:
            measured = self._metric.measure_constant(self._targets)
        return Epoch(
            number=number,
            val_score=measured.pop(self._metric.name),
            duration_s=sum(epoch.duration_s for epoch in epochs),
            ended_at=epochs[-1].ended_at,
            metrics={
                name: fmean(epoch.metrics[name] for epoch in epochs) for name in epochs[0].metrics
            },
            step_metrics={
                name: _average_steps([epoch.step_metrics[name] for epoch in epochs])
                for name in epochs[0].step_metrics
            },
            diverged=diverged,
            val_others=measured,
        )

    def predict(self) -> NDArray[Any]:
        """Predict all examples out of fold, shape (N,)."""
        return self._gather([one.predict() for one in self._fits])

    def states(self) -> tuple[FitState, ...]:
        """Return the states of all folds."""
        return tuple(state for one in self._fits for state in one.states())

    def model_state(self) -> Mapping[str, Any]:
        """Return the models of all folds."""
        return name_by_fold([one.model_state() for one in self._fits])

    def _gather(self, by_fold: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Combine values of each fold's examples, in the order of all examples."""
        gathered = np.empty(len(self._folds), by_fold[0].dtype)
        for fold, own in enumerate(by_fold):
            gathered[self._folds == fold] = own
        return gathered


def _average_steps(of_folds: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Average a metric of steps; larger folds may have one step more."""
    return tuple(
        fmean(value for value in values if value is not None) for values in zip_longest(*of_folds)
    )
