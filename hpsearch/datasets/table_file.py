"""The user's tables and arrays: a CSV or Parquet file, or an .npz file of X and y."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.table_columns import read_arrays, read_frame
from hpsearch.datasets.tabular import TabularDataset, make_dataset
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, UsageError
from hpsearch.foundations.files import expand
from hpsearch.foundations.hashing import hash_data_file, hash_json
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ArrayFile", "TableFile", "find_file", "read_table"]

_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class TableFile:
    """A CSV or Parquet file.

    Parameters
    ----------
    path : Path
        Ends in ``.csv``, ``.tsv``, ``.txt`` or ``.parquet``.
    target : str
        The column to predict.
    task : Task
        Whether it is a class or a number.
    ignore : tuple of str
        Columns to leave out.
    group : str, optional
        Column of groups; rows of equal values stay in one split.
    """

    path: Path
    target: str
    task: Task
    ignore: tuple[str, ...] = ()
    group: str | None = None
    name: ClassVar[str] = "table"

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the file and the columns used."""
        identity_fields = [self.target, self.task, sorted(self.ignore), self.group]
        return hash_json([hash_data_file(self.path), *identity_fields])

    def load(self) -> TabularDataset:
        """Read the file.

        Raises
        ------
        DamagedDataError
            If it is not a table, or a column is neither numbers nor categories.
        UsageError
            If a column that the study names is missing.
        """
        rows, schema = read_frame(
            read_table(self.path),
            target=self.target,
            task=self.task,
            place=str(self.path),
            ignore=self.ignore,
            group=self.group,
        )
        settings = {
            "task": str(self.task),
            "target": self.target,
            "ignore": sorted(self.ignore),
            "group": self.group,
        }
        return make_dataset(
            self.name, rows, schema, self.checksum, str(self.path), settings=settings
        )


@dataclass(frozen=True)
class ArrayFile:
    """An .npz file with X and y; with X_test and y_test too, if there is a test split already.

    Parameters
    ----------
    path : Path
        Written by `numpy.savez`.
    task : Task
        Whether y holds classes or numbers.
    """

    path: Path
    task: Task
    name: ClassVar[str] = "arrays"

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the file and the task."""
        return hash_json([hash_data_file(self.path), self.task])

    def load(self) -> TabularDataset:
        """Read the arrays; object arrays, which would be unpickled, are refused.

        Raises
        ------
        DamagedDataError
            If they are missing, or of wrong shapes or types.
        """
        arrays = _read_npz(self.path)
        place = str(self.path)
        n_test = len(arrays["X_test"]) if "X_test" in arrays else 0
        X, y = arrays["X"], arrays["y"]
        if n_test:
            try:
                X = np.concatenate([X, arrays["X_test"]])
                y = np.concatenate([y, arrays["y_test"]])
            except (KeyError, ValueError) as error:
                raise DamagedDataError(
                    f"{place}: X_test and y_test do not match X and y ({one_line(error)})"
                ) from error
        rows, schema = read_arrays(X, y, task=self.task, place=place)
        return make_dataset(
            self.name,
            rows,
            schema,
            self.checksum,
            place,
            settings={"task": str(self.task), "target": None, "ignore": [], "group": None},
            n_given_test=n_test,
        )


def find_file(path: Path, folders: Sequence[Path]) -> Path:
    """Find a file at `path`, or by its name in one of `folders`.

    Raises
    ------
    MissingDataError
        If it is in none of these places.
    """
    place = expand(path)
    candidates = [place, *(folder / place.name for folder in folders)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise MissingDataError(
        f"data.path: expected a file, found none at {' or '.join(map(str, candidates))}"
    )


def read_table(path: Path) -> "pd.DataFrame":
    """Read a CSV file, whatever its delimiter, or a Parquet file.

    Raises
    ------
    DamagedDataError
        If it cannot be read as one.
    UsageError
        If its suffix is not supported.
    """
    # Takes half a second to import, and only the process that prepares the data needs it.
    import pandas as pd

    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        if kind in (".csv", ".tsv", ".txt"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                return pd.read_csv(file, sep=_find_delimiter(file), low_memory=False)
    except Exception as error:  # pandas and pyarrow raise errors of many kinds
        raise DamagedDataError(
            f"{path}: expected a table, pandas cannot read it: {one_line(error)}"
        ) from error
    raise UsageError(f"{path}: expected a file that ends in .csv, .tsv, .txt or .parquet")


def _find_delimiter(file: Any) -> str:
    """Detect the delimiter from the header line; a comma if there is only one column."""
    header = file.readline()
    file.seek(0)
    unquoted = re.sub(r'"[^"]*"', "", header)
    counts = {mark: unquoted.count(mark) for mark in _DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise DamagedDataError(
            f"{path}: expected an .npz file of plain arrays, NumPy cannot read it:"
            f" {one_line(error)}"
        ) from error
    if missing := {"X", "y"} - {*arrays}:
        raise DamagedDataError(
            f"{path}: expected the arrays X and y, found {', '.join(sorted(arrays)) or 'none'}"
            f" ({' and '.join(sorted(missing))} missing)"
        )
    return arrays
