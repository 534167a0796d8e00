"""Find the table, array file or function that a study file names; data from such a function."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hpsearch.datasets.table_columns import read_arrays, read_frame
from hpsearch.datasets.table_file import ArrayFile, TableFile, find_file
from hpsearch.datasets.tabular import TabularDataset, make_dataset
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, UsageError
from hpsearch.foundations.files import expand
from hpsearch.foundations.hashing import hash_file, hash_json
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.text import one_line
from hpsearch.foundations.user_modules import find_module, import_module

__all__ = [
    "TABULAR_NAMES",
    "LoaderFunction",
    "TabularSettings",
    "find_loader",
    "find_tabular_source",
]


@dataclass(frozen=True)
class LoaderFunction:
    """A user's function that returns the data.

    It takes no arguments and returns ``(X, y)``, two arrays; or a pandas DataFrame, of which
    the study names the target.

    Parameters
    ----------
    spec : str
        ``module:function``.
    file : Path
        The module's source.
    task : Task
        Whether the target is a class or a number.
    target : str, optional
        The column to predict, of a DataFrame.
    ignore : tuple of str
        Its columns to leave out.
    group : str, optional
        Its column of groups; rows of equal values stay in one split.
    """

    spec: str
    file: Path
    task: Task
    target: str | None = None
    ignore: tuple[str, ...] = ()
    group: str | None = None
    name: ClassVar[str] = "python"

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the module's source and the columns used.

        Files that the function reads are not hashed: prepared data is reused until the source
        changes.
        """
        identity_fields = [self.spec, self.target, self.task, sorted(self.ignore), self.group]
        return hash_json([hash_file(self.file), *identity_fields])

    def load(self) -> TabularDataset:
        """Call the function.

        Raises
        ------
        DamagedDataError
            If it raises, or returns something else.
        """
        place = f"data.load {self.spec}"
        try:
            returned = self._call()
        except Exception as error:  # user code
            raise DamagedDataError(
                f"{place}: raised {type(error).__name__}: {one_line(error)} ({self.file})"
            ) from error
        if isinstance(returned, tuple) and len(returned) == 2:
            X, y = (np.asarray(part) for part in returned)
            rows, schema = read_arrays(X, y, task=self.task, place=place)
        elif hasattr(returned, "columns"):
            if self.target is None:
                raise UsageError(f"{place}: returned a DataFrame; data.target must name a column")
            rows, schema = read_frame(
                returned,
                target=self.target,
                task=self.task,
                place=place,
                ignore=self.ignore,
                group=self.group,
            )
        else:
            raise DamagedDataError(
                f"{place}: expected (X, y) or a DataFrame, got {type(returned).__name__}"
            )
        settings = {
            "task": str(self.task),
            "target": self.target,
            "ignore": sorted(self.ignore),
            "group": self.group,
        }
        return make_dataset(self.name, rows, schema, self.checksum, self.spec, settings=settings)

    def _call(self) -> Any:
        module, _, function = self.spec.partition(":")
        return getattr(import_module(module, self.file), function)()


def find_loader(spec: str, folders: Sequence[Path]) -> Path:
    """Find the source of the module that ``module:function`` names, without importing it.

    Parameters
    ----------
    spec : str
        ``module:function``; the module is a file in one of `folders`, or installed.
    folders : sequence of Path
        Searched first, in order.

    Raises
    ------
    UsageError
        If `spec` is malformed.
    MissingDataError
        If there is no such module.
    """
    module, _, function = spec.partition(":")
    if not function.isidentifier() or not all(map(str.isidentifier, module.split("."))):
        raise UsageError(f'data.load: expected "module:function", got {spec!r}')
    if (file := find_module(module, folders)) is None:
        places = ", ".join(str(folder) for folder in folders)
        raise MissingDataError(
            f"data.load {spec}: found no module {module!r} in {places}, nor installed"
        )
    return file


TABULAR_NAMES = (TableFile.name, ArrayFile.name, LoaderFunction.name)


@dataclass(frozen=True)
class TabularSettings:
    """Location of the user's tabular data, and which columns are used.

    Parameters
    ----------
    place : str
        The path of a file, or ``module:function``.
    task : Task
        Whether the target is a class or a number.
    target : str, optional
        The column to predict, of tables.
    ignore : tuple of str
        Columns to leave out.
    group : str, optional
        Column of groups; rows of equal values stay in one split.
    folder : str, optional
        Folder of the function's module.
    """

    place: str
    task: Task
    target: str | None = None
    ignore: tuple[str, ...] = ()
    group: str | None = None
    folder: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return how the data is read, as JSON values, without its location."""
        described = asdict(self) | {"ignore": sorted(self.ignore)}
        return {name: value for name, value in described.items() if name not in _LOCATION_FIELDS}

    @classmethod
    def load(cls, place: str, described: dict[str, Any]) -> "TabularSettings":
        """Restore the settings that `describe` returned, for the data at `place`."""
        task, ignore = Task(described["task"]), tuple(described["ignore"])
        return cls(place, task, described["target"], ignore, described["group"])


_LOCATION_FIELDS = ("place", "folder")


def find_tabular_source(
    name: str, settings: TabularSettings, folders: Sequence[Path]
) -> TableFile | ArrayFile | LoaderFunction:
    """Find the data at its path, or by its name in one of `folders`.

    Raises
    ------
    MissingDataError
        If it is in none of these places.
    UsageError
        If ``module:function`` is malformed.
    """
    task, target, ignore, group = settings.task, settings.target, settings.ignore, settings.group
    if name == LoaderFunction.name:
        places = [expand(Path(settings.folder or ".")).resolve(), *folders]
        file = find_loader(settings.place, places)
        return LoaderFunction(settings.place, file, task, target, ignore, group)
    path = find_file(Path(settings.place), folders)
    if name == ArrayFile.name:
        return ArrayFile(path, task)
    return TableFile(path, target or "", task, ignore, group)
