"""Locations of workspace, data and stores, as commands and notebooks give them."""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from hpsearch.engine.definition import find_study_file, load_definition
from hpsearch.engine.scheduling import RunOptions
from hpsearch.engine.search import SearchStudy, list_study_names, load_study, open_storage
from hpsearch.engine.workspace import StudyFolder, Workspace
from hpsearch.foundations import environment_variables
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.files import expand
from hpsearch.foundations.text import redact, suggest

__all__ = ["make_options", "open_recorded_study", "repeat_options"]

# Servers and databases that MLflow supports; its file store is deprecated.
_TRACKING_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


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
        "--workspace": (options.workspace.root, environment_variables.WORKSPACE, "workspace"),
        "--data-dir": (data_dir, environment_variables.DATA_DIR, ""),
        "--storage": (options.storage_url, environment_variables.STORAGE, ""),
        "--tracking-uri": (options.tracking_uri, environment_variables.TRACKING_URI, ""),
        "--backend": (options.backend, environment_variables.BACKEND, "loky"),
        "--devices": (",".join(options.devices), "", ""),
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
