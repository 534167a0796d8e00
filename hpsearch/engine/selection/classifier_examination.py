"""Examination of a classifier: confusion matrix and most confident mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.models import Model

__all__ = ["Examination", "Mistake", "examine", "examine_folds"]


@dataclass(frozen=True)
class Mistake:
    """A misclassified example.

    Parameters
    ----------
    index : int
        Index of the example.
    label, predicted : int
        Its true class, and the predicted one.
    probability : float
        Probability of the predicted class.
    """

    index: int
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Examination:
    """Examination of a model on labelled examples.

    Parameters
    ----------
    confusion : int64 array, shape (C, C)
        Number of examples of the row's class that were predicted as the column's.
    mistakes : tuple of Mistake
        By decreasing probability.
    """

    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]

    @property
    def n_images(self) -> int:
        """Number of examples."""
        return int(self.confusion.sum())

    @property
    def n_wrong(self) -> int:
        """Number of misclassified examples."""
        return self.n_images - int(np.trace(self.confusion))

    def worst_pair(self) -> tuple[int, int] | None:
        """Return the most frequent confusion: true and predicted class; None if there is none."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        if not wrong.any():
            return None
        label, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
        return int(label), int(predicted)


def examine(
    model: Model, examples: NDArray[Any], labels: NDArray[np.int64], *, n_mistakes: int
) -> Examination:
    """Examine `model` on `examples`, shape (N, D), with true classes `labels`, shape (N,)."""
    probabilities = model.predict_probabilities(examples)
    predicted = probabilities.argmax(axis=1)
    n_classes = len(model.class_names)
    counts = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = surest[predicted[surest] != labels[surest]][:n_mistakes]
    return Examination(
        counts.reshape(n_classes, n_classes),
        tuple(
            Mistake(int(i), int(labels[i]), int(predicted[i]), float(probabilities[i].max()))
            for i in wrong
        ),
    )


def examine_folds(
    models: Sequence[Model],
    folds: NDArray[np.int64],
    examples: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    n_mistakes: int,
) -> Examination:
    """Examine the models of cross-validation, each on the examples of its fold.

    Parameters
    ----------
    models : sequence of Model
        One for each fold.
    folds : int array, shape (N,)
        The fold of each example.
    examples, labels, n_mistakes
        As for `examine`, of all folds together.
    """
    found, mistakes = [], []
    for fold, model in enumerate(models):
        rows = np.flatnonzero(folds == fold)
        found.append(examine(model, examples[rows], labels[rows], n_mistakes=n_mistakes))
        mistakes += [replace(one, index=int(rows[one.index])) for one in found[-1].mistakes]
    mistakes.sort(key=lambda one: -one.probability)
    return Examination(
        np.sum([one.confusion for one in found], axis=0), tuple(mistakes[:n_mistakes])
    )
