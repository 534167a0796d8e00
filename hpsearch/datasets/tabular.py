"""Tabular data: rows of numbers and categories with a target, and a summary of them as text."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema
from hpsearch.datasets.selecting import Items
from hpsearch.datasets.sides import Role, choose_sides
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import list_names

__all__ = [
    "Examples",
    "Rows",
    "TabularDataset",
    "describe_table",
    "make_dataset",
    "separate_test_rows",
]

# Features and targets, a row each.
Examples: TypeAlias = tuple[NDArray[Any], NDArray[Any]]

# Names listed in one line; further ones are only counted.
_MAX_LISTED = 12


@dataclass(frozen=True)
class Rows:
    """Examples in the order of their source.

    Parameters
    ----------
    features : float64 array, shape (N, D)
        Numbers, and codes of categories; nan where a value is missing.
    targets : int64 or float64 array, shape (N,)
        Labels, or numbers for regression.
    groups : array of str, shape (N,), optional
        Group of each row; rows of one group stay in one split.
    """

    features: NDArray[np.float64]
    targets: NDArray[np.int64] | NDArray[np.float64]
    groups: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, numbers: NDArray[np.int64]) -> "Rows":
        """Select rows by their indices."""
        groups = None if self.groups is None else self.groups[numbers]
        return Rows(self.features[numbers], self.targets[numbers], groups)


@dataclass(frozen=True)
class TabularDataset:
    """A table, read, checked, and with its test rows separated.

    Parameters
    ----------
    name : str
        Name of the source, as in a study file.
    rows : Rows
        Rows to train and validate on.
    test : Rows
        Test rows.
    schema : Schema
        Columns and target.
    units : tuple of str
        Unit of each of `rows`; rows of one unit stay in one split.
    checksum : str
        Identity of the source.
    source : str
        Where it was loaded from, for display.
    notices : tuple of str
        Messages for the user, one line each.
    settings : mapping
        How the source reads its files, as JSON values.
    """

    name: str
    rows: Rows
    test: Rows
    schema: Schema
    units: tuple[str, ...]
    checksum: str
    source: str
    notices: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def items(self) -> Items:
        """Describe the rows for splitting: their number, labels and units."""
        is_classification = self.schema.task == Task.CLASSIFICATION
        labels = self.rows.targets.astype(np.int64) if is_classification else None
        return Items(
            self.name,
            self.source,
            len(self.rows),
            len(self.test),
            labels,
            self.units,
            class_names=self.schema.class_names,
        )

    def examples(self) -> tuple[Examples, Examples]:
        """Return features and targets of the rows outside the test split, and of those in it."""
        return (self.rows.features, self.rows.targets), (self.test.features, self.test.targets)


def separate_test_rows(rows: Rows, n_given: int = 0) -> tuple[Rows, Rows, tuple[str, ...], int]:
    """Separate the test rows, chosen by a hash of their group or content.

    Parameters
    ----------
    rows : Rows
        All rows. Rows of one group stay on one side; without groups, rows that are equal in all
        values, including the target.
    n_given : int
        Number of rows at the end that are a given test split, which is then used.

    Returns
    -------
    rest, test : Rows
        Rows to train and validate on, and test rows.
    units : tuple of str
        Unit of each row of the rest; rows of one unit stay in one split.
    n_left_out : int
        Number of rows in neither, as they are copies of given test rows or of their groups.
    """
    contents = np.ascontiguousarray(np.column_stack([rows.features, rows.targets]))
    hashes = [hashlib.sha256(row.tobytes()).hexdigest() for row in contents]
    keys: list[tuple[str, ...]] = [(one,) for one in hashes]
    if rows.groups is not None:
        # Without the content as a second key: equal rows would link groups to each other.
        keys = [(f"group {group}",) for group in rows.groups]
    given: list[Role | None] | None = None
    if n_given:
        n_rest = len(rows) - n_given
        given = ["train" if i < n_rest else "test" for i in range(len(rows))]
    is_classification = rows.targets.dtype.kind == "i"
    labels = rows.targets.astype(np.int64) if is_classification else None
    sides = choose_sides(keys, labels, given)
    return rows.take(sides.search), rows.take(sides.test), sides.units, len(sides.crossing)


def make_dataset(
    name: str,
    rows: Rows,
    schema: Schema,
    checksum: str,
    source: str,
    *,
    settings: Mapping[str, Any],
    n_given_test: int = 0,
) -> TabularDataset:
    """Make the data set of all `rows`, of which the last `n_given_test` are a given test split."""
    rest, test, units, n_left_out = separate_test_rows(rows, n_given_test)
    notices = (
        (f"{n_left_out:,} rows are left out: they are copies of test rows",) if n_left_out else ()
    )
    return TabularDataset(name, rest, test, schema, units, checksum, source, notices, settings)


def describe_table(dataset: TabularDataset) -> list[str]:
    """Describe rows, target, columns and missing values, a line each.

    Parameters
    ----------
    dataset : TabularDataset
        As loaded. Of its test rows only the number is reported.
    """
    n_test, n_rest = len(dataset.test), len(dataset.rows)
    return [
        f"{n_rest + n_test:,} rows; {n_test:,} of them for the test, by their content",
        _describe_target(dataset),
        *_describe_columns(dataset),
        *dataset.notices,
    ]


def _describe_target(dataset: TabularDataset) -> str:
    targets, schema = dataset.rows.targets, dataset.schema
    if schema.task == Task.REGRESSION:
        return (
            f"{schema.target}: numbers from {targets.min():.4g} to {targets.max():.4g}, mean"
            f" {targets.mean():.4g} (without the test rows)"
        )
    counts = np.bincount(targets.astype(np.int64), minlength=schema.n_outputs)
    named = [f"{count:,} {name}" for name, count in zip(schema.class_names, counts, strict=True)]
    return f"{schema.target}: {list_names(named, _MAX_LISTED)} (without the test rows)"


def _describe_columns(dataset: TabularDataset) -> Iterator[str]:
    columns = dataset.schema.columns
    numbers = [column.name for column in columns if column.kind == "number"]
    categories = [
        f"{column.name} ({len(column.categories)})"
        for column in columns
        if column.kind == "category"
    ]
    if numbers:
        yield f"{len(numbers)} columns of numbers: {list_names(numbers, _MAX_LISTED)}"
    if categories:
        yield f"{len(categories)} columns of categories: {list_names(categories, _MAX_LISTED)}"
    n_missing = np.isnan(dataset.rows.features).sum(axis=0)
    missing = [
        f"{column.name} {count:,}"
        for column, count in zip(columns, n_missing, strict=True)
        if count
    ]
    if missing:
        yield f"missing values: {list_names(missing, _MAX_LISTED)}"
