"""From the columns of a table to what a net is fed: scaled numbers and one-hot categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.schema import Column

__all__ = ["Scaling", "TargetScale", "fit_scaling", "fit_target_scale", "load_scaling"]

# In standard deviations. A value further off, of a column that hardly ever varies, would
# overflow in the squares of float32.
_LARGEST = 1e6


@dataclass(frozen=True)
class TargetScale:
    """Mean and standard deviation of the training targets of a regression.

    Parameters
    ----------
    mean, std : float
        In the target's unit.
    """

    mean: float
    std: float

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The array that there is, by name: part of every model's identity."""
        return {"target_scale": np.array([self.mean, self.std])}

    def apply(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets with mean 0 and standard deviation 1, shape (N, 1)."""
        return ((targets - self.mean) / self.std).astype(np.float32)[:, np.newaxis]

    def invert(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions in the target's unit, shape (N,), of a net's outputs, shape (N, 1)."""
        values: NDArray[np.float64] = outputs[:, 0].astype(np.float64)
        return values * self.std + self.mean


@dataclass(frozen=True)
class Scaling:
    """Standardisation of numbers and one-hot encoding of categories, fitted on training rows.

    A missing number becomes the mean, and sets an indicator input of its column if any training
    row lacks it; a missing or unknown category has no input set.

    Parameters
    ----------
    means, stds : float64 array, shape (D,)
        Of the numbers that are there; 0 and 1 for categories.
    has_missing : bool array, shape (D,)
        Whether any training row lacks the number.
    n_categories : int64 array, shape (D,)
        0 for numbers.
    """

    means: NDArray[np.float64]
    stds: NDArray[np.float64]
    has_missing: NDArray[np.bool_]
    n_categories: NDArray[np.int64]

    @property
    def n_features(self) -> int:
        """D, the columns of a row."""
        return len(self.means)

    @property
    def n_inputs(self) -> int:
        """What a net is fed for each row."""
        numbers = self.n_categories == 0
        n_numbers = numbers.sum() + (self.has_missing & numbers).sum()
        return int(n_numbers + self.n_categories.sum())

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Turn rows, shape (N, D), into inputs, shape (N, n_inputs), column by column."""
        inputs = np.zeros((len(features), self.n_inputs), np.float32)
        end = 0
        for j, n_categories in enumerate(self.n_categories):
            values = features[:, j]
            is_there = ~np.isnan(values)
            if n_categories:
                rows = np.flatnonzero(is_there)
                inputs[rows, end + values[rows].astype(np.int64)] = 1
                end += int(n_categories)
                continue
            scaled = (values[is_there] - self.means[j]) / self.stds[j]
            inputs[is_there, end] = np.clip(scaled, -_LARGEST, _LARGEST)
            end += 1
            if self.has_missing[j]:
                inputs[~is_there, end] = 1
                end += 1
        return inputs

    @property
    def directions(self) -> None:
        """No pictures that inputs stand for: inputs are columns."""

    def to_array(self) -> NDArray[np.float64]:
        """All of it as one array, shape (4, D), for `load_scaling`."""
        return np.stack([self.means, self.stds, self.has_missing, self.n_categories])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that there are, by name: part of every model's identity."""
        return {"scaling": self.to_array()}


def load_scaling(array: NDArray[np.float64]) -> Scaling:
    """The inverse of `Scaling.to_array`."""
    means, stds, has_missing, n_categories = array
    return Scaling(means, stds, has_missing.astype(np.bool_), n_categories.astype(np.int64))


def fit_scaling(features: NDArray[np.float64], columns: Sequence[Column]) -> Scaling:
    """Fit a `Scaling` on training rows.

    Parameters
    ----------
    features : float64 array, shape (N, D)
        Training rows alone.
    columns : sequence of Column
        Their D columns.
    """
    n_categories = np.array([len(column.categories) for column in columns], np.int64)
    means, stds = np.zeros(len(columns)), np.ones(len(columns))
    has_missing = np.zeros(len(columns), np.bool_)
    for j in np.flatnonzero(n_categories == 0):
        there = features[~np.isnan(features[:, j]), j]
        has_missing[j] = len(there) < len(features)
        if len(there):
            means[j] = there.mean()
            # A column that never changes becomes 0, not 0 / 0.
            stds[j] = there.std() or 1.0
    return Scaling(means, stds, has_missing, n_categories)


def fit_target_scale(targets: NDArray[np.float64]) -> TargetScale:
    """Fit a `TargetScale` on the training targets."""
    return TargetScale(float(targets.mean()), float(targets.std()) or 1.0)
