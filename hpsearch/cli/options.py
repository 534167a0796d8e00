"""Options that several commands share, and their conversion."""

import glob
import re
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hpsearch.engine.definition import list_study_files
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations import environment_variables

__all__ = [
    "BackendOption",
    "DataDirOption",
    "DevicesOption",
    "JsonOption",
    "StorageOption",
    "StudiesArgument",
    "StudyArgument",
    "StudyFileArgument",
    "TrackingOption",
    "WorkspaceOption",
    "parse_duration",
    "split_devices",
]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_UNITS_S = (86_400, 3_600, 60, 1)


def complete_study_file(incomplete: str) -> list[str]:
    """Complete study files: stems of those in ``studies/``, and paths."""
    paths = sorted(map(str, Path().glob(f"{glob.escape(incomplete)}*.toml")))
    return [stem for stem in list_study_files() if stem.startswith(incomplete)] + paths


def complete_recorded_study(context: typer.Context, incomplete: str) -> list[str]:
    """Complete names of studies that have run in the workspace of the command line."""
    root = context.params.get("workspace") or environment_variables.Environment.read().workspace
    try:
        names = Workspace(Path(root).expanduser()).recorded_names()
    except (OSError, RuntimeError):  # completion cannot report errors
        return []
    return [name for name in names if name.startswith(incomplete)]


StudyFileArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="[STUDY]",
        help="A study file, or the name of one in studies/.",
        autocompletion=complete_study_file,
    ),
]
StudyArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="Name or file of a study that has run.",
        autocompletion=complete_recorded_study,
    ),
]
StudiesArgument: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="STUDY...",
        help="Names or files of studies that have run; several are compared.",
        autocompletion=complete_recorded_study,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WorkspaceOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--workspace",
        envvar=environment_variables.WORKSPACE,
        metavar="DIR",
        help="Folder of all studies, data and models.",
    ),
]
DataDirOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar=environment_variables.DATA_DIR,
        metavar="DIR",
        help="Folder with data sets.",
    ),
]
StorageOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar=environment_variables.STORAGE,
        show_envvar=True,
        metavar="URL",
        help="Optuna's storage; passwords are read from PGPASSWORD or ~/.pgpass.  [default: a "
        "journal file in the workspace]",
    ),
]
TrackingOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        envvar=environment_variables.TRACKING_URI,
        metavar="URI",
        help="MLflow's store or server.  [default: a database in the workspace]",
    ),
]
DevicesOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--devices",
        metavar="NAMES",
        help="A device for each worker: cuda:0,cuda:1.  [default: all share the CPU]",
        show_default=False,
    ),
]
BackendOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--backend",
        envvar=environment_variables.BACKEND,
        metavar="NAME",
        help="joblib's backend: loky, threading or dask.",
    ),
]


def split_devices(text: str) -> tuple[str, ...]:
    """Split the value of ``--devices`` into names; none if it is empty."""
    return tuple(text.split(",")) if text else ()


def parse_duration(text: str) -> float:
    """Convert a duration such as ``90``, ``90s``, ``10m`` or ``1h30m`` to seconds.

    Raises
    ------
    typer.BadParameter
        If `text` is not a duration.
    """
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise typer.BadParameter(f"expected a duration such as 90s, 10m or 1h30m, got {text!r}")
    return sum(
        float(number) * unit
        for number, unit in zip(found.groups(), _UNITS_S, strict=True)
        if number
    )
