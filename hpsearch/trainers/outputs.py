"""Metrics, classes, numbers or probabilities from what a trainer returns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import Schema
from hpsearch.foundations.metrics import Task

__all__ = ["read_metrics", "read_predictions", "read_probabilities"]


def read_metrics(returned: Any) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Read what `Trainer.train_epoch` returned.

    Parameters
    ----------
    returned : mapping or None
        Numbers, and sequences of numbers, by name; None if there are none.

    Returns
    -------
    metrics : dict
        Metrics of the epoch.
    step_metrics : dict
        Metrics of each of its steps.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if returned is None:
        return {}, {}
    if not isinstance(returned, Mapping):
        expected = "expected a mapping of metrics by name"
        raise TypeError(f"train_epoch: {expected}, got {type(returned).__name__}")
    metrics, steps = {}, {}
    for name, value in returned.items():
        try:
            if np.ndim(value):
                steps[str(name)] = tuple(map(float, value))
            else:
                metrics[str(name)] = float(value)
        except (TypeError, ValueError) as error:
            expected = "expected a number, or a sequence of numbers"
            raise TypeError(f"train_epoch: {name}: {expected}, got {value!r:.60}") from error
    return metrics, steps


def read_predictions(output: NDArray[Any], schema: Schema, n: int) -> NDArray[Any]:
    """Read the output of `Trainer.predict` for `n` examples.

    Parameters
    ----------
    output : array
        Probabilities or scores, shape (n, n_classes); classes, integers of shape (n,); or, for
        regression, numbers of shape (n,) or (n, 1).
    schema : Schema
        Of the data.
    n : int
        Number of examples.

    Returns
    -------
    int64 or float64 array, shape (n,)
        Classes in [0, n_classes); numbers for regression.

    Raises
    ------
    ValueError
        If the output is anything else.
    """
    found = np.asarray(output)
    if schema.task == Task.REGRESSION:
        if found.shape in ((n,), (n, 1)) and found.dtype.kind in "fiu":
            return found.reshape(n).astype(np.float64)
        raise ValueError(f"predict: expected numbers of shape ({n},), got {_describe(found)}")
    if found.shape == (n, schema.n_classes) and found.dtype.kind in "fiu":
        return np.asarray(found.argmax(axis=1), np.int64)
    if found.shape == (n,) and found.dtype.kind in "iu":
        if found.size and not 0 <= found.min() <= found.max() < schema.n_classes:
            raise ValueError(
                f"predict: expected classes from 0 to {schema.n_classes - 1}, got some from "
                f"{found.min()} to {found.max()}"
            )
        return found.astype(np.int64)
    raise ValueError(
        f"predict: expected shape ({n}, {schema.n_classes}), or integers of shape ({n},), "
        f"got {_describe(found)}"
    )


def read_probabilities(output: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Read class probabilities, shape (n, n_classes), from the output of `Trainer.predict`.

    Scores become probabilities by softmax; classes by one-hot encoding.
    """
    found = np.asarray(output, np.float64)
    if found.ndim == 1:
        return np.asarray(np.eye(n_classes)[np.asarray(output)])
    sums = found.sum(axis=1)
    if found.size and found.min() >= 0 and np.allclose(sums, 1, atol=1e-3):
        return found
    shifted = np.exp(found - found.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _describe(found: NDArray[Any]) -> str:
    return f"{found.dtype} of shape {found.shape}"
