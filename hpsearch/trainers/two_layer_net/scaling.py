"""Scaling of a table's columns into a net's inputs: standardised numbers, one-hot categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Column

__all__ = ["Scaling", "TargetScale", "fit_scaling", "fit_target_scale", "load_scaling"]

# Inputs are clipped at this many standard deviations: outliers of nearly constant columns would
# overflow when squared in float32.
_MAX_INPUT = 1e6


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
        """Return mean and standard deviation by name; they are part of every model's identity."""
        return {"target_scale": np.array([self.mean, self.std])}

    def apply(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """Standardise targets, shape (N,), for a net's output: shape (N, 1)."""
        return ((targets - self.mean) / self.std).astype(np.float32)[:, np.newaxis]

    def invert(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Convert a net's outputs, shape (N, 1), to predictions in the target's unit, (N,)."""
        values: NDArray[np.float64] = outputs[:, 0].astype(np.float64)
        return values * self.std + self.mean


@dataclass(frozen=True)
class Scaling:
    """Standardisation of numbers and one-hot encoding of categories, fitted on training rows.

    A missing number becomes the mean, and sets an indicator input of its column if any training
    row lacks it; a missing or unknown category sets no input.

    Parameters
    ----------
    means, stds : float64 array, shape (D,)
        Of the numbers that are not missing; 0 and 1 for categories.
    has_missing : bool array, shape (D,)
        Whether the number is missing in any training row.
    n_categories : int64 array, shape (D,)
        Number of categories; 0 for numbers.
    """

    means: NDArray[np.float64]
    stds: NDArray[np.float64]
    has_missing: NDArray[np.bool_]
    n_categories: NDArray[np.int64]

    @property
    def n_features(self) -> int:
        """D, the number of columns."""
        return len(self.means)

    @property
    def n_inputs(self) -> int:
        """Number of inputs for each row."""
        numbers = self.n_categories == 0
        n_numbers = numbers.sum() + (self.has_missing & numbers).sum()
        return int(n_numbers + self.n_categories.sum())

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Turn rows, shape (N, D), into inputs, shape (N, n_inputs), column by column."""
        inputs = np.zeros((len(features), self.n_inputs), np.float32)
        end = 0
        for j, n_categories in enumerate(self.n_categories):
            values = features[:, j]
            is_present = ~np.isnan(values)
            if n_categories:
                rows = np.flatnonzero(is_present)
                inputs[rows, end + values[rows].astype(np.int64)] = 1
                end += int(n_categories)
                continue
            scaled = (values[is_present] - self.means[j]) / self.stds[j]
            inputs[is_present, end] = np.clip(scaled, -_MAX_INPUT, _MAX_INPUT)
            end += 1
            if self.has_missing[j]:
                inputs[~is_present, end] = 1
                end += 1
        return inputs

    @property
    def directions(self) -> None:
        """None: the inputs of tables have no image patterns."""

    def to_array(self) -> NDArray[np.float64]:
        """Return all parameters as one array, shape (4, D), for `load_scaling`."""
        return np.stack([self.means, self.stds, self.has_missing, self.n_categories])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the parameters by name; they are part of every model's identity."""
        return {"scaling": self.to_array()}


def load_scaling(array: NDArray[np.float64]) -> Scaling:
    """Restore a `Scaling` from the output of `Scaling.to_array`."""
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
        present = features[~np.isnan(features[:, j]), j]
        has_missing[j] = len(present) < len(features)
        if len(present):
            means[j] = present.mean()
            # A constant column becomes 0, not 0 / 0.
            stds[j] = present.std() or 1.0
    return Scaling(means, stds, has_missing, n_categories)


def fit_target_scale(targets: NDArray[np.float64]) -> TargetScale:
    """Fit a `TargetScale` on the training targets."""
    return TargetScale(float(targets.mean()), float(targets.std()) or 1.0)
