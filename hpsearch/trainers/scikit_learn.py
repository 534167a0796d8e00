"""Trainers of any estimator or pipeline of scikit-learn."""

import inspect
import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from numbers import Real
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from hpsearch.datasets.schema import Schema
from hpsearch.foundations.metrics import Task
from hpsearch.trainers.base import EpochMetrics, Trainer, TrainingData
from hpsearch.trainers.estimator_state import dump_estimator, list_types, load_estimator

__all__ = ["SklearnTrainer"]


class SklearnTrainer(Trainer):
    """An estimator or pipeline of scikit-learn, which `make_estimator` of a subclass makes.

    An epoch is one pass over the training examples by ``partial_fit``: of the estimator, or of a
    pipeline's last step, whose other steps are fitted in the first epoch. An estimator that has
    only ``fit`` needs ``has_epochs = False`` in the subclass.

    Attributes
    ----------
    estimator : estimator of scikit-learn
        What `make_estimator` returned, trained.
    """

    def __init__(
        self,
        hyperparameters: Mapping[str, Any],
        schema: Schema,
        rng: np.random.Generator | None,
    ) -> None:
        super().__init__(hyperparameters, schema, rng)
        seed = 0 if rng is None else int(rng.integers(2**32))
        self.estimator = self._make_estimator(seed)
        self._own_types: frozenset[str] | None = None

    @abstractmethod
    def make_estimator(self) -> Any:
        """Make the estimator, not fitted, by `hyperparameters` and `schema`.

        Its parameters ``random_state`` that are None, and those of its parts, become one generator,
        seeded by `rng`, whose state is saved with them.
        """

    @property
    def batch_size(self) -> int | None:
        """Number of examples of a call of ``partial_fit``: the hyperparameter; None for all."""
        return self.hyperparameters.get("batch_size")

    def train_epoch(self, data: TrainingData) -> EpochMetrics:
        """Fit the estimator, or train it by one pass of ``partial_fit``.

        Returns
        -------
        mapping
            ``train_loss`` if the estimator has it as its attribute ``loss_``.
        """
        # Sums of BLAS and OpenMP depend on the number of threads in their last bits.
        with threadpool_limits(1):
            try:
                losses = self._train(data)
            except ValueError as error:
                if "under-/overflow" not in str(error):
                    raise
                losses = [
                    math.nan
                ]  # diverged; SGD's words: Floating-point under-/overflow occurred
        return {"train_loss": float(np.mean(losses))} if losses else {}

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return probabilities, or scores, or classes, by what the estimator has; or numbers."""
        with threadpool_limits(1):
            if self.schema.task is Task.REGRESSION:
                return np.asarray(self.estimator.predict(X), np.float64).reshape(len(X))
            if hasattr(self.estimator, "predict_proba"):
                return self._place_columns(self.estimator.predict_proba(X), missing=0.0)
            if hasattr(self.estimator, "decision_function"):
                scores = self.estimator.decision_function(X)
                if scores.ndim == 1:
                    scores = np.column_stack([-scores, scores])
                return self._place_columns(scores, missing=np.finfo(scores.dtype).min)
            return np.asarray(self.estimator.predict(X), np.int64)

    def state_dict(self) -> Mapping[str, Any]:
        """Return the estimator as an archive of skops."""
        return {"estimator": dump_estimator(self.estimator, self._list_own_types())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the estimator."""
        self.estimator = load_estimator(state["estimator"], self._list_own_types())

    @classmethod
    def versions(cls) -> Mapping[str, str]:
        """Return the versions of scikit-learn and skops."""
        return {"scikit-learn": sklearn.__version__, "skops": version("skops")}

    def _make_estimator(self, seed: int) -> Any:
        estimator = self.make_estimator()
        random_state = np.random.RandomState(seed)
        changes: dict[str, Any] = {
            name: random_state
            for name, value in estimator.get_params().items()
            if name.split("__")[-1] == "random_state" and value is None
        }
        # HistGradientBoosting's; in a pipeline other steps may have changed the columns.
        kinds = [column.kind == "category" for column in self.schema.columns]
        default = inspect.signature(type(estimator)).parameters.get("categorical_features")
        if any(kinds) and default and estimator.categorical_features == default.default:
            changes["categorical_features"] = kinds
        return estimator.set_params(**changes)

    def _list_own_types(self) -> frozenset[str]:
        if self._own_types is None:
            self._own_types = list_types(self._make_estimator(0))
        return self._own_types

    def _train(self, data: TrainingData) -> list[float]:
        """Train for one epoch; return the losses of its calls, if the estimator has them."""
        if not self.has_epochs:
            self.estimator.fit(data.X, data.y)
            return _losses(self.estimator)
        model, transform = self.estimator, np.asarray
        if isinstance(self.estimator, Pipeline):
            model, steps = self.estimator[-1], self.estimator[:-1]
            if data.epoch == 1:
                steps.fit(data.X, data.y)
            transform = steps.transform
        if not hasattr(model, "partial_fit"):
            raise TypeError(
                f"{type(model).__name__} has no partial_fit, so it trains without epochs: "
                f"set has_epochs = False in {type(self).__name__}"
            )
        n_classes = len(self.schema.class_names)
        classes = {"classes": np.arange(n_classes)} if n_classes else {}
        losses: list[float] = []
        for X, y in self._batches(data):
            model.partial_fit(transform(X), y, **classes)
            losses += _losses(model)
        return losses

    def _batches(self, data: TrainingData) -> Iterable[tuple[NDArray[Any], NDArray[Any]]]:
        if self.batch_size is None:
            return [(data.X, data.y)]
        assert self.rng is not None
        return data.batches(self.batch_size, self.rng)

    def _place_columns(self, scores: NDArray[Any], missing: float) -> NDArray[Any]:
        """Give each class its column, those too that no training example had."""
        classes = self.estimator.classes_
        if len(classes) == len(self.schema.class_names):
            return scores
        placed = np.full((len(scores), len(self.schema.class_names)), missing, scores.dtype)
        placed[:, classes] = scores
        return placed


def _losses(estimator: Any) -> list[float]:
    loss = getattr(estimator, "loss_", None)
    return [float(loss)] if isinstance(loss, Real) else []
