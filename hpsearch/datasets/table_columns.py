"""Columns of a table as numbers: check, encode and decode them; classes and numbers to predict."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Column, Schema
from hpsearch.foundations.errors import DamagedDataError, UsageError
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import suggest

if TYPE_CHECKING:
    import pandas as pd

from hpsearch.datasets.tabular import Rows

__all__ = ["decode_features", "encode_features", "read_arrays", "read_frame"]

# A text column with more distinct values than this is considered names or free text.
_MAX_CATEGORIES = 1000


def read_frame(
    frame: "pd.DataFrame",
    *,
    target: str,
    task: Task,
    place: str,
    ignore: Sequence[str] = (),
    group: str | None = None,
) -> tuple[Rows, Schema]:
    """Encode a data frame as rows of numbers, with their schema.

    Parameters
    ----------
    frame : DataFrame
        One row for each example.
    target : str
        The column to predict.
    task : Task
        Whether it is a class or a number.
    place : str
        Where the frame came from, for error messages.
    ignore : sequence of str
        Columns to leave out.
    group : str, optional
        Column of groups; rows of equal values stay in one split. Not a feature.

    Raises
    ------
    UsageError
        If a named column is missing.
    DamagedDataError
        If a column is neither numbers nor categories, or a target is missing.
    """
    frame = frame.rename(columns=str)
    wanted = [target, *ignore, *([group] if group else [])]
    for name in wanted:
        if name not in frame.columns:
            raise UsageError(f"{place}: there is no column {name!r}{suggest(name, frame.columns)}")
    names = [name for name in frame.columns if name not in wanted]
    if not names:
        raise UsageError(f"{place}: expected columns besides {', '.join(wanted)}, found none")
    columns = tuple(_describe_column(frame[name], name, place) for name in names)
    targets, class_names = _read_target(frame[target].to_numpy(), target, task, place)
    groups = frame[group].astype(str).to_numpy(dtype=str) if group else None
    schema = Schema(columns=columns, class_names=class_names, target=target)
    return Rows(encode_features(frame, columns), targets, groups), schema


def read_arrays(X: NDArray[Any], y: NDArray[Any], *, task: Task, place: str) -> tuple[Rows, Schema]:
    """Turn an array of numbers and its targets into rows.

    Parameters
    ----------
    X : array, shape (N, D)
        Numbers; nan where a value is missing.
    y : array, shape (N,)
        Classes of any kind, or numbers for regression.
    task : Task
        Classification or regression.
    place : str
        Where they came from, for error messages.

    Raises
    ------
    DamagedDataError
        If shapes or types are wrong.
    """
    X, y = np.asarray(X), np.asarray(y)
    if X.ndim != 2 or X.dtype.kind not in "buif" or 0 in X.shape:
        raise DamagedDataError(
            f"{place}: expected X of shape (rows, columns) with numbers, got {X.dtype} of shape"
            f" {X.shape}"
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (len(X),):
        raise DamagedDataError(
            f"{place}: expected y of shape ({len(X)},), one for each row of X, got {y.shape}"
        )
    features = X.astype(np.float64)
    if np.isinf(features).any():
        raise DamagedDataError(f"{place}: expected finite numbers or nan in X, found inf")
    targets, class_names = _read_target(y, "y", task, place)
    columns = tuple(Column(f"x{i}") for i in range(X.shape[1]))
    return Rows(features, targets), Schema(columns=columns, class_names=class_names, target="y")


def encode_features(frame: "pd.DataFrame", columns: Sequence[Column]) -> NDArray[np.float64]:
    """Encode columns as floats: numbers as they are, categories as codes, nan if unknown.

    Parameters
    ----------
    frame : DataFrame
        Has all of `columns`, and may have more.
    columns : sequence of Column
        Names, kinds and categories.

    Returns
    -------
    float64 array, shape (N, len(columns))

    Raises
    ------
    ValueError
        If a column is missing, or should be numbers and is not.
    """
    if missing := [column.name for column in columns if column.name not in frame.columns]:
        raise ValueError(f"there is no column {missing[0]!r}{suggest(missing[0], frame.columns)}")
    features = np.empty((len(frame), len(columns)))
    for j, column in enumerate(columns):
        series = frame[column.name]
        if column.kind == "number":
            features[:, j] = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            codes = {name: code for code, name in enumerate(column.categories)}
            features[:, j] = [
                np.nan if is_missing else codes.get(str(value), np.nan)
                for value, is_missing in zip(series, series.isna(), strict=True)
            ]
    return features


def decode_features(features: NDArray[np.float64], columns: Sequence[Column]) -> "pd.DataFrame":
    """Restore the table from the output of `encode_features`; None for missing categories."""
    import pandas as pd

    table: dict[str, Any] = {}
    for column, values in zip(columns, features.T, strict=True):
        if column.kind == "number":
            table[column.name] = values
        else:
            table[column.name] = [
                None if np.isnan(code) else column.categories[int(code)] for code in values
            ]
    return pd.DataFrame(table)


def _describe_column(series: "pd.Series", name: str, place: str) -> Column:
    from pandas.api import types

    if types.is_bool_dtype(series.dtype) or types.is_numeric_dtype(series.dtype):
        if types.is_complex_dtype(series.dtype):
            raise DamagedDataError(f"{place}: column {name!r}: expected real numbers, got complex")
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            raise DamagedDataError(f"{place}: column {name!r}: expected finite numbers, found inf")
        if np.isnan(values).all():
            raise DamagedDataError(f"{place}: column {name!r} is empty; {_suggest_ignoring(name)}")
        return Column(name)
    if not (types.is_object_dtype(series.dtype) or _has_texts(series)):
        raise DamagedDataError(
            f"{place}: column {name!r}: expected numbers or categories, got {series.dtype};"
            f" {_suggest_ignoring(name)}"
        )
    categories = sorted({str(value) for value in series[series.notna()]})
    if len(categories) > min(_MAX_CATEGORIES, max(2, len(series) // 2)):
        raise DamagedDataError(
            f"{place}: column {name!r}: expected numbers or categories, found"
            f" {len(categories):,} different texts in {len(series):,} rows, such as"
            f" {categories[0][:40]!r}; {_suggest_ignoring(name)}"
        )
    if not categories:
        raise DamagedDataError(f"{place}: column {name!r} is empty; {_suggest_ignoring(name)}")
    return Column(name, "category", tuple(categories))


def _has_texts(series: "pd.Series") -> bool:
    import pandas as pd
    from pandas.api import types

    return types.is_string_dtype(series.dtype) or isinstance(series.dtype, pd.CategoricalDtype)


def _suggest_ignoring(name: str) -> str:
    return f"leave it out with ignore = [{name!r}]"


def _read_target(
    values: NDArray[Any], name: str, task: Task, place: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return labels and class names; for regression, numbers and no names."""
    import pandas as pd

    if n_missing := int(pd.isna(values).sum()):
        raise DamagedDataError(
            f"{place}: expected a target in each row, {name!r} is missing in {n_missing:,} of"
            f" {len(values):,}"
        )
    if task == Task.REGRESSION:
        return _read_numbers(values, name, place), ()
    if values.dtype.kind == "f" and np.any(values != np.round(values)):
        raise DamagedDataError(
            f"{place}: expected classes in {name!r}, found numbers such as"
            f' {values[values != np.round(values)][0]:g}; task = "regression" predicts numbers'
        )
    if values.dtype.kind == "f":
        values = values.astype(np.int64)
    distinct, labels = np.unique(
        values if values.dtype.kind in "iub" else values.astype(str), return_inverse=True
    )
    if not 2 <= len(distinct) <= min(_MAX_CATEGORIES, max(2, len(values) // 2)):
        raise DamagedDataError(
            f"{place}: expected from 2 to {_MAX_CATEGORIES:,} classes in {name!r}, and fewer than"
            f" rows, found {len(distinct):,} in {len(values):,} rows"
            + ('; task = "regression" predicts numbers' if len(distinct) > 2 else "")
        )
    return labels.astype(np.int64), tuple(str(value) for value in distinct)


def _read_numbers(values: NDArray[Any], name: str, place: str) -> NDArray[np.float64]:
    try:
        numbers: NDArray[np.float64] = values.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DamagedDataError(
            f"{place}: expected numbers in {name!r} for a regression ({error})"
        ) from error
    if not np.isfinite(numbers).all():
        raise DamagedDataError(f"{place}: expected finite numbers in {name!r}, found inf")
    if len(np.unique(numbers)) < 2:
        raise DamagedDataError(f"{place}: expected different numbers in {name!r}, all are equal")
    return numbers
