"""CSV, Parquet and .npz files, read whole or refused in one line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hpsearch.datasets.table_file import ArrayFile, TableFile, find_file, read_table
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, UsageError
from hpsearch.foundations.metrics import Task

FRAME = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5], "b, c": list("xyxy"), "y": [0, 1, 0, 1]})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_from_the_header(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, sep=separator, index=False, encoding="utf-8-sig")
    pd.testing.assert_frame_equal(read_table(path), FRAME)


def test_a_single_column_needs_no_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("price\n1\n2\n")
    assert read_table(path)["price"].tolist() == [1, 2]


def test_parquet_and_csv_give_the_same_rows(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    FRAME.to_parquet(tmp_path / "a.parquet")
    read = [
        TableFile(tmp_path / name, "y", Task.CLASSIFICATION).load()
        for name in ("a.csv", "a.parquet")
    ]
    np.testing.assert_array_equal(read[0].rows.features, read[1].rows.features)
    assert read[0].schema == read[1].schema


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.csv", b"", "No columns"),
        ("a.csv", b"a,b\n1,2,3\n1,2,3,4\n", "Expected"),
        ("a.csv", b"a,b\n\xff\xfe,2\n", "decode"),
        ("a.parquet", b"not parquet", "Parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(
    name: str, content: bytes, part: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DamagedDataError) as raised:
        read_table(path)
    assert part.lower() in str(raised.value).lower()
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unsupported_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.csv"):
        read_table(tmp_path / "a.xlsx")


def test_the_checksum_follows_the_file_and_the_columns_used(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, index=False)
    table = TableFile(path, "y", Task.CLASSIFICATION)
    same = TableFile(path, "y", Task.CLASSIFICATION)
    assert table.checksum == same.checksum
    assert table.checksum != TableFile(path, "y", Task.CLASSIFICATION, ignore=("a",)).checksum
    assert table.checksum != TableFile(path, "y", Task.REGRESSION).checksum
    path.write_text(path.read_text().replace("1.5", "1.6"))
    assert table.checksum != TableFile(path, "y", Task.CLASSIFICATION).checksum


def test_arrays_come_with_their_own_test_split_or_without(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    X, y = np.arange(12.0).reshape(6, 2), np.array(["no", "yes"] * 3)
    np.savez(path, X=X, y=y)
    dataset = ArrayFile(path, Task.CLASSIFICATION).load()
    assert len(dataset.rows) + len(dataset.test) == 6
    np.savez(path, X=X[:4], y=y[:4], X_test=X[4:], y_test=y[4:])
    dataset = ArrayFile(path, Task.CLASSIFICATION).load()
    assert dataset.schema.class_names == ("no", "yes")
    np.testing.assert_array_equal(dataset.rows.features, X[:4])
    assert sorted(dataset.test.features.tolist()) == X[4:].tolist()
    assert sorted(dataset.test.targets.tolist()) == [0, 1]


def test_rows_that_are_copies_of_given_test_rows_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
    np.savez(path, X=X, y=y, X_test=X[:1], y_test=y[:1])
    dataset = ArrayFile(path, Task.CLASSIFICATION).load()
    np.testing.assert_array_equal(dataset.rows.features, X[1:])
    assert dataset.notices == ("1 rows are left out: they are copies of test rows",)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"X": np.zeros((2, 1))}, "y missing"),
        ({"images": np.zeros((2, 1))}, "found images"),
        ({"X": np.array([_Evil()]), "y": np.zeros(1)}, "allow_pickle"),
        ({"X": np.zeros((4, 1)), "y": [0, 1, 0, 1], "X_test": np.zeros((2, 1))}, "y_test"),
        (
            {"X": np.zeros((4, 1)), "y": [0, 1, 0, 1], "X_test": np.zeros((2, 3)), "y_test": [0]},
            "do not match",
        ),
    ],
)
def test_arrays_that_are_not_there_or_do_not_fit_are_named(
    arrays: dict, part: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(DamagedDataError) as raised:
        ArrayFile(path, Task.CLASSIFICATION).load()
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_is_looked_for_where_data_sets_are_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("")
    assert find_file(Path("elsewhere/a.csv"), [tmp_path / "data"]) == tmp_path / "data" / "a.csv"
    with pytest.raises(MissingDataError, match=r"elsewhere/b\.csv or "):
        find_file(Path("elsewhere/b.csv"), [tmp_path / "data"])
