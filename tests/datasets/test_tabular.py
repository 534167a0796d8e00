"""Own tables and arrays become numbers, or an error that names the column."""

import numpy as np
import pandas as pd
import pytest

from hpsearch.datasets.schema import Column, load_schema
from hpsearch.datasets.table_columns import encode_features, read_arrays, read_frame
from hpsearch.foundations.errors import DamagedDataError, UsageError
from hpsearch.foundations.metrics import Task

CLASSES, NUMBERS = Task.CLASSIFICATION, Task.REGRESSION
FRAME = pd.DataFrame(
    {
        "age": [30, None, 50, 61],
        "smokes": [True, False, False, True],
        "colour": ["red", None, "blue", "red"],
        "person": [1, 1, 2, 3],
        "price": [1.5, 2.0, 3.5, 4.0],
        "ill": ["no", "yes", "no", "yes"],
    }
)


def test_numbers_categories_and_missing_values_are_kept_apart() -> None:
    rows, schema = read_frame(
        FRAME, target="ill", task=CLASSES, place="a.csv", ignore=["price"], group="person"
    )
    assert schema.columns == (
        Column("age"),
        Column("smokes"),
        Column("colour", "category", ("blue", "red")),
    )
    assert (schema.class_names, schema.target) == (("no", "yes"), "ill")
    expected = [[30, 1, 1], [np.nan, 0, np.nan], [50, 0, 0], [61, 1, 1]]
    np.testing.assert_array_equal(rows.features, expected)
    assert rows.targets.tolist() == [0, 1, 0, 1]
    assert rows.groups is not None
    assert rows.groups.tolist() == ["1", "1", "2", "3"]
    assert load_schema(schema.describe()) == schema


def test_a_regression_has_numbers_for_targets_and_no_classes() -> None:
    rows, schema = read_frame(FRAME, target="price", task=NUMBERS, place="a.csv")
    assert schema.task == NUMBERS
    assert schema.n_outputs == 1
    assert rows.targets.tolist() == [1.5, 2.0, 3.5, 4.0]


def test_a_category_that_was_not_there_before_counts_as_missing() -> None:
    columns = (Column("colour", "category", ("blue", "red")),)
    found = encode_features(pd.DataFrame({"colour": ["red", "green", None]}), columns)
    np.testing.assert_array_equal(found, [[1], [np.nan], [np.nan]])


def test_integer_classes_keep_the_order_of_numbers() -> None:
    _, schema = read_arrays(np.zeros((30, 1)), np.arange(30) % 11, task=CLASSES, place="x")
    assert schema.class_names == tuple(map(str, range(11)))


@pytest.mark.parametrize("dtype", ["category", "string", object])
def test_texts_of_any_type_of_pandas_are_categories(dtype: object) -> None:
    frame = pd.DataFrame({"x": pd.Series(["b", "a", None, "b"], dtype=dtype), "y": [0, 1, 0, 1]})
    rows, schema = read_frame(frame, target="y", task=CLASSES, place="x")
    assert schema.columns[0].categories == ("a", "b")
    np.testing.assert_array_equal(rows.features[:, 0], [1, 0, np.nan, 1])


@pytest.mark.parametrize(
    ("change", "options", "kind", "parts"),
    [
        ({}, {"target": "ilk"}, UsageError, ["'ilk'", "'ill'"]),
        ({}, {"ignore": ["nothing"]}, UsageError, ["'nothing'"]),
        ({"ill": ["no", None, "no", "yes"]}, {}, DamagedDataError, ["'ill'", "1 of 4"]),
        ({"age": [1, np.inf, 2, 3]}, {}, DamagedDataError, ["'age'", "inf"]),
        ({"age": [None] * 4}, {}, DamagedDataError, ["'age'", "empty", "ignore = ['age']"]),
        ({"colour": list("abcd")}, {}, DamagedDataError, ["'colour'", "4 different texts"]),
        ({"age": pd.to_datetime(["2026-01-01"] * 4)}, {}, DamagedDataError, ["'age'", "datetime"]),
        ({"age": [1j] * 4}, {}, DamagedDataError, ["'age'", "complex"]),
        ({"ill": ["no"] * 4}, {}, DamagedDataError, ["2 to 1,000 classes", "'ill'"]),
        ({"ill": [0.5, 1, 0, 1]}, {}, DamagedDataError, ["0.5", "regression"]),
        ({"ill": [1, 2, 3, 4]}, {}, DamagedDataError, ["found 4", "regression"]),
        ({}, {"target": "colour", "task": NUMBERS}, DamagedDataError, ["'colour'", "missing"]),
        ({}, {"target": "ill", "task": NUMBERS}, DamagedDataError, ["numbers in 'ill'"]),
        ({"price": [2] * 4}, {"target": "price", "task": NUMBERS}, DamagedDataError, ["equal"]),
    ],
)
def test_errors_name_the_column(
    change: dict, options: dict, kind: type[Exception], parts: list[str]
) -> None:
    given = {"target": "ill", "task": CLASSES, "place": "a.csv"} | options
    with pytest.raises(kind) as raised:
        read_frame(FRAME.assign(**change), **given)
    assert "\n" not in str(raised.value)
    for part in ["a.csv", *parts]:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("X", "y", "part"),
    [
        (np.zeros(4), np.arange(4), "shape (4,)"),
        (np.zeros((4, 2, 2)), np.arange(4), "shape (4, 2, 2)"),
        (np.array([["a"], ["b"]]), np.arange(2), "<U1"),
        (np.zeros((4, 0)), np.arange(4), "shape (4, 0)"),
        (np.zeros((4, 2)), np.arange(3), "(4,)"),
        (np.full((4, 2), np.inf), np.array([0, 1, 0, 1]), "inf"),
    ],
)
def test_arrays_of_other_shapes_or_types_are_refused(
    X: np.ndarray, y: np.ndarray, part: str
) -> None:
    with pytest.raises(DamagedDataError) as raised:
        read_arrays(X, y, task=CLASSES, place="a.npz")
    assert part in str(raised.value)
