"""Find the table, array file or function that a study file names."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpsearch.datasets.loader import LoaderFunction, find_loader
from hpsearch.datasets.table_file import ArrayFile, TableFile, find_file
from hpsearch.foundations.files import expand
from hpsearch.foundations.metrics import Task

__all__ = ["TABULAR_NAMES", "TabularSettings", "find_tabular_source"]

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
