"""Examination of a classifier: confusion matrix, most confident mistakes, dead hidden units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.results.net import Net
from hpsearch.training import score

__all__ = ["Examination", "Mistake", "examine", "examine_folds"]

# Examples whose hidden layer is computed at once; bounds the memory.
_CHUNK = 500


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
        Softmax probability of the predicted class.
    """

    index: int
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Examination:
    """Examination of a net on labelled examples.

    Parameters
    ----------
    confusion : int64 array, shape (C, C)
        Number of examples of the row's class that were predicted as the column's.
    mistakes : tuple of Mistake
        By decreasing probability.
    n_hidden, n_dead : int
        Number of hidden units, and of those whose activation is equal for all examples.
    n_nets : int
        Number of nets: with folds, one for each.
    """

    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]
    n_hidden: int
    n_dead: int
    n_nets: int = 1

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
    net: Net, examples: NDArray[Any], labels: NDArray[np.int64], *, n_mistakes: int
) -> Examination:
    """Examine `net` on `examples`, shape (N, D), with true classes `labels`, shape (N,)."""
    inputs = net.preprocessing.apply(examples)
    scores = score(net.parameters, inputs).astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    predicted = scores.argmax(axis=1)
    n_classes = len(net.class_names)
    counts = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = surest[predicted[surest] != labels[surest]][:n_mistakes]
    return Examination(
        counts.reshape(n_classes, n_classes),
        tuple(
            Mistake(int(i), int(labels[i]), int(predicted[i]), float(probabilities[i].max()))
            for i in wrong
        ),
        len(net.parameters["b1"]),
        _count_dead_units(net, inputs),
    )


def examine_folds(
    nets: Sequence[Net],
    folds: NDArray[np.int64],
    examples: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    n_mistakes: int,
) -> Examination:
    """Examine the nets of cross-validation, each on the examples of its fold.

    Parameters
    ----------
    nets : sequence of Net
        One for each fold.
    folds : int array, shape (N,)
        The fold of each example.
    examples, labels, n_mistakes
        As for `examine`, of all folds together.
    """
    found, mistakes = [], []
    for fold, net in enumerate(nets):
        rows = np.flatnonzero(folds == fold)
        found.append(examine(net, examples[rows], labels[rows], n_mistakes=n_mistakes))
        mistakes += [replace(one, index=int(rows[one.index])) for one in found[-1].mistakes]
    mistakes.sort(key=lambda one: -one.probability)
    return Examination(
        np.sum([one.confusion for one in found], axis=0),
        tuple(mistakes[:n_mistakes]),
        sum(one.n_hidden for one in found),
        sum(one.n_dead for one in found),
        len(found),
    )


def _count_dead_units(net: Net, inputs: NDArray[np.float32]) -> int:
    W1, b1 = net.parameters["W1"], net.parameters["b1"]
    lowest, highest = np.full_like(b1, np.inf), np.full_like(b1, -np.inf)
    for start in range(0, len(inputs), _CHUNK):
        hidden = np.maximum(inputs[start : start + _CHUNK] @ W1 + b1, 0)
        np.minimum(lowest, hidden.min(axis=0), out=lowest)
        np.maximum(highest, hidden.max(axis=0), out=highest)
    return int(np.count_nonzero(lowest >= highest))
