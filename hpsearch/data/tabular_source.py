"""From the keys of a study file to a table, an array file or a function, found on this machine."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpsearch.data.loader import LoaderFunction, find_loader
from hpsearch.data.table_file import ArrayFile, TableFile, find_file
from hpsearch.files import expand
from hpsearch.metrics import Task

__all__ = ["TABULAR_NAMES", "TabularSettings", "find_tabular_source"]

TABULAR_NAMES = (TableFile.name, ArrayFile.name, LoaderFunction.name)


@dataclass(frozen=True)
class TabularSettings:
    """Which data that are not images, and what is made of them.

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
        The column whose equal values stay on one side of a split.
    folder : str, optional
        Where the module of a function lies.
    """

    place: str
    task: Task
    target: str | None = None
    ignore: tuple[str, ...] = ()
    group: str | None = None
    folder: str | None = None

    def describe(self) -> dict[str, Any]:
        """What is made of the data, as JSON values; without where they are."""
        described = asdict(self) | {"ignore": sorted(self.ignore)}
        return {name: value for name, value in described.items() if name not in _PLACES}

    @classmethod
    def load(cls, place: str, described: dict[str, Any]) -> "TabularSettings":
        """The settings that `describe` gave, for the data at `place`."""
        task, ignore = Task(described["task"]), tuple(described["ignore"])
        return cls(place, task, described["target"], ignore, described["group"])


_PLACES = ("place", "folder")


def find_tabular_source(
    name: str, settings: TabularSettings, folders: Sequence[Path]
) -> TableFile | ArrayFile | LoaderFunction:
    """Find the data: at their place, or by their name in one of `folders`.

    Raises
    ------
    MissingDataError
        If they are in none of these places.
    UsageError
        If ``module:function`` has another form.
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
