"""Summary of a table in a few lines of text."""

from collections.abc import Iterator

import numpy as np

from hpsearch.datasets.tabular import TabularDataset
from hpsearch.foundations.metrics import Task

__all__ = ["describe_table"]

# Names listed in one line; further ones are only counted.
_MAX_LISTED = 12


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
    return f"{schema.target}: {_list(named)} (without the test rows)"


def _describe_columns(dataset: TabularDataset) -> Iterator[str]:
    columns = dataset.schema.columns
    numbers = [column.name for column in columns if column.kind == "number"]
    categories = [
        f"{column.name} ({len(column.categories)})"
        for column in columns
        if column.kind == "category"
    ]
    if numbers:
        yield f"{len(numbers)} columns of numbers: {_list(numbers)}"
    if categories:
        yield f"{len(categories)} columns of categories: {_list(categories)}"
    n_missing = np.isnan(dataset.rows.features).sum(axis=0)
    missing = [
        f"{column.name} {count:,}"
        for column, count in zip(columns, n_missing, strict=True)
        if count
    ]
    if missing:
        yield f"missing values: {_list(missing)}"


def _list(names: list[str]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")
