"""Options that several commands share, and their conversion."""

import glob
import os
import re
import shlex
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import typer

from hpsearch import environment
from hpsearch.coordinator import RunOptions
from hpsearch.definition import find_study_file, list_study_files, load_definition
from hpsearch.errors import UsageError
from hpsearch.files import expand
from hpsearch.redaction import redact
from hpsearch.search import SearchStudy, list_study_names, load_study, open_storage
from hpsearch.wording import suggest
from hpsearch.workspace import StudyFolder, Workspace

__all__ = [
    "BackendOption",
    "DataDirOption",
    "JsonOption",
    "StorageOption",
    "StudyArgument",
    "StudyFileArgument",
    "TrackingOption",
    "WorkspaceOption",
    "make_options",
    "open_recorded_study",
    "parse_duration",
    "repeat_options",
]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_UNITS_S = (86_400, 3_600, 60, 1)

# Servers and databases that MLflow supports; its file store is deprecated.
_TRACKING_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


def complete_study_file(incomplete: str) -> list[str]:
    """Complete study files: stems of those in ``studies/``, and paths."""
    paths = sorted(map(str, Path().glob(f"{glob.escape(incomplete)}*.toml")))
    return [stem for stem in list_study_files() if stem.startswith(incomplete)] + paths


def complete_recorded_study(context: typer.Context, incomplete: str) -> list[str]:
    """Complete names of studies that have run in the workspace of the command line."""
    root = context.params.get("workspace") or environment.Environment.read().workspace
    try:
        names = Workspace(Path(root).expanduser()).recorded_names()
    except (OSError, RuntimeError):  # completion cannot report errors
        return []
    return [name for name in names if name.startswith(incomplete)]


StudyFileArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="[STUDY]",
        help="A study file, or the stem of one in studies/.",
        autocompletion=complete_study_file,
    ),
]
StudyArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="The name of a study that has run, or its file.",
        autocompletion=complete_recorded_study,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WorkspaceOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--workspace",
        envvar=environment.WORKSPACE,
        metavar="DIR",
        help="Where everything is kept.",
    ),
]
DataDirOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar=environment.DATA_DIR,
        metavar="DIR",
        help="Where data sets lie.",
    ),
]
StorageOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar=environment.STORAGE,
        show_envvar=True,
        metavar="URL",
        help="Optuna's storage; without it a journal file in the workspace. Leave the password "
        "out: PGPASSWORD or ~/.pgpass gives it.",
    ),
]
TrackingOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        envvar=environment.TRACKING_URI,
        metavar="URI",
        help="MLflow's store or server; without it a database in the workspace.",
    ),
]
BackendOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--backend",
        envvar=environment.BACKEND,
        metavar="NAME",
        help="joblib's backend: loky, threading or dask.",
    ),
]


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


def make_options(
    workspace: Path,
    *,
    data_dir: Path | None = None,
    storage: str | None = None,
    tracking_uri: str | None = None,
) -> RunOptions:
    """Make the options that locate the workspace, data and stores."""
    root = _resolve(workspace)
    if "?" in str(root) and tracking_uri is None:
        # MLflow would parse the rest as a query string, and put its database elsewhere.
        raise UsageError(f"--workspace {root}: MLflow's store cannot lie in a path with a '?'")
    if tracking_uri:
        _check_tracking_uri(tracking_uri)
    return RunOptions(
        workspace=Workspace(root),
        data_dirs=(_resolve(data_dir),) if data_dir else (),
        storage_url=storage,
        tracking_uri=tracking_uri or None,
    )


def _resolve(path: Path) -> Path:
    """Return the absolute path for a path given by the user."""
    try:
        return expand(expand(path).resolve())
    except OSError as error:
        raise UsageError(f"{path}: expected a folder ({error.strerror})") from error


def _check_tracking_uri(uri: str) -> None:
    """Refuse early a URI with which MLflow would fail after the first trials.

    Raises
    ------
    UsageError
        If it is not the address of a server or a database.
    """
    expected = (
        "expected http://HOST:PORT of a server, or the URL of a database such as "
        "sqlite:////path/mlflow.db"
    )
    if len(uri.split()) != 1:  # not shown: a password may contain the space
        raise UsageError(f"--tracking-uri: {expected}, without spaces")
    scheme, has_scheme, rest = uri.partition("://")
    try:
        is_good = bool(has_scheme and rest) and urlsplit(uri).port != 0
    except ValueError:
        is_good = False  # its port is not a number
    if not is_good or scheme.partition("+")[0] not in _TRACKING_SCHEMES:
        raise UsageError(f"--tracking-uri {uri}: {expected}")


def repeat_options(options: RunOptions, *names: str) -> str:
    """Format the options that a suggested command needs to use the same stores; often none.

    Parameters
    ----------
    options : RunOptions
        Options of the present command.
    *names : str
        Options that the suggested command takes, besides ``--workspace``. Those that equal the
        default or an environment variable are left out; an address with a password is
        replaced by ``URL``.
    """
    data_dir = options.data_dirs[0] if options.data_dirs else None
    given = {
        "--workspace": (options.workspace.root, environment.WORKSPACE, "workspace"),
        "--data-dir": (data_dir, environment.DATA_DIR, ""),
        "--storage": (options.storage_url, environment.STORAGE, ""),
        "--tracking-uri": (options.tracking_uri, environment.TRACKING_URI, ""),
        "--backend": (options.backend, environment.BACKEND, "loky"),
        "--jobs": (options.n_jobs, "", ""),
    }
    words = []
    for name in ("--workspace", *names):
        value, variable, otherwise = given[name]
        known = os.environ.get(variable) or otherwise
        if isinstance(value, Path):
            known = str(_resolve(Path(known))) if known else ""
        if value is None or str(value) == known:
            continue
        is_secret = redact(str(value)) != str(value)
        words.append(f" {name} {'URL' if is_secret else shlex.quote(str(value))}")
    return "".join(words)


def open_recorded_study(study: str, options: RunOptions) -> tuple[SearchStudy, StudyFolder]:
    """Open a study that has run before, by its name or its file, for reading.

    Raises
    ------
    UsageError
        If there is none; the message suggests existing names.
    """
    # The path is only used for a journal, that is without a URL.
    server = open_storage(options.storage_url, Path()) if options.storage_url else None
    names = list_study_names(server) if server else options.workspace.recorded_names()
    # A recorded name takes precedence: its file may have been damaged or changed since.
    name = study if study in names else _name_in_file(study)
    # Only recorded names, so that no name can lead out of the workspace.
    if name not in names:
        hint = suggest(name, names) if names else "; there are none yet"
        place = "the storage" if options.storage_url else str(options.workspace.root)
        raise UsageError(f"{study}: expected a study that has run in {place}{hint}")
    folder = options.workspace.study(name)
    return load_study(name, server or open_storage(None, folder.journal)), folder


def _name_in_file(study: str) -> str:
    try:
        path = find_study_file(study)
    except UsageError:
        return Path(study).name  # the file may be gone while the record exists
    return load_definition(path).name
