"""Trainer of estimators of scikit-learn that a study file names: no code of one's own."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sklearn.pipeline import make_pipeline

from hpsearch.datasets.schema import Schema
from hpsearch.foundations.text import suggest
from hpsearch.trainers.scikit_learn import SklearnTrainer

__all__ = ["EstimatorSettings", "NamedEstimatorTrainer"]

# Hyperparameters that are not the estimator's; the second only with epochs.
_OWN = ("epochs", "batch_size")


class EstimatorSettings(BaseModel):
    """Keys of the table ``[trainer]`` with ``name = "sklearn"``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    estimator: str | list[str] = Field(
        min_length=1,
        description="Import path of the estimator's class, such as `sklearn.svm:SVC`; several make "
        "a pipeline, whose parameters are named `step__parameter`.",
    )


class NamedEstimatorTrainer(SklearnTrainer):
    """Estimators of installed packages by import path; hyperparameters are their parameters.

    Attributes
    ----------
    classes : tuple of type
        Classes of the pipeline's steps, or the one of the estimator.
    """

    Settings = EstimatorSettings
    classes: ClassVar[tuple[type, ...]] = ()

    @property
    def batch_size(self) -> int | None:
        """As of all estimators, unless it is a parameter of the estimator."""
        return None if "batch_size" in self.estimator.get_params() else super().batch_size

    @classmethod
    def with_settings(cls, settings: Mapping[str, Any]) -> "type[NamedEstimatorTrainer]":
        """Return the class for the estimators that ``estimator`` names."""
        given = settings["estimator"]
        classes = tuple(map(_import_class, [given] if isinstance(given, str) else given))
        members = {
            "__module__": cls.__module__,
            "__doc__": cls.__doc__,
            "classes": classes,
            "has_epochs": hasattr(classes[-1], "partial_fit"),
        }
        return type(cls.__name__, (cls,), members)

    @classmethod
    def check_space(
        cls,
        settings: Mapping[str, Any],
        space: Mapping[str, Sequence[Any]],
        schema: Schema | None,
        prepared: Mapping[str, NDArray[Any]],
    ) -> None:
        """Check that each hyperparameter is a parameter of the estimator."""
        known = [*_assemble(cls.classes).get_params(), *_OWN[: 1 + cls.has_epochs]]
        for name in space:
            if name not in known:
                last = cls.classes[-1].__name__
                raise ValueError(
                    f"search.space.{name}: {last} has no such parameter{suggest(name, known)}"
                )

    def make_estimator(self) -> Any:
        """Make the estimator with the hyperparameters as its parameters."""
        estimator = _assemble(self.classes)
        known = estimator.get_params()
        given = {
            name: value
            for name, value in self.hyperparameters.items()
            if name in known or name not in _OWN
        }
        return estimator.set_params(**given)


def _assemble(classes: Sequence[type]) -> Any:
    """Make an estimator with the defaults of its parameters."""
    estimators = [one() for one in classes]
    return estimators[0] if len(estimators) == 1 else make_pipeline(*estimators)


def _import_class(path: str) -> type:
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, type):
            raise TypeError("not a class")
        _assemble([found]).get_params()
    except (ImportError, ValueError, AttributeError, TypeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(
            "trainer.estimator: expected estimators of installed packages that need no arguments, "
            f"such as sklearn.svm:SVC, got {path!r} ({reason})"
        ) from error
    return found
