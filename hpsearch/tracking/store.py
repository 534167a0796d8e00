"""MLflow's store: its location, the settings while this program uses it, its errors.

Importing this module does not import MLflow.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hpsearch.foundations.errors import StoreError, UsageError
from hpsearch.foundations.text import redact

__all__ = ["TrackingStore", "mlflow_settings", "translate_mlflow_errors"]

_SQLITE = "sqlite:///"
# MAX_PATHNAME of SQLite's os_unix.c is 512, of which "-journal" takes eight.
_MAX_SQLITE_PATH = 504
_SETTINGS = {
    # Off unless the user turned it on.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow's own 7 retries block one call on a dead server for four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Models are written without pickle, so nothing needs it to read them.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    # A pooled connection outlives its file: its writes to a deleted file are lost.
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class TrackingStore:
    """Location of MLflow's tracking store and artifacts.

    Parameters
    ----------
    uri : str
        ``sqlite:///...``, or a server's ``http://...``.
    artifacts : Path or None
        Folder for artifacts; None leaves it to the server.
    """

    uri: str
    artifacts: Path | None

    @property
    def is_server(self) -> bool:
        """Whether the store is a tracking server, which stores the artifacts too."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The SQLite file that the URI names, absolute; None if it names none."""
        name = self.uri.removeprefix(_SQLITE).partition("?")[0]
        if not self.uri.startswith(_SQLITE) or name in ("", ":memory:"):
            return None
        return Path(name).absolute()

    @property
    def is_workspaces(self) -> bool:
        """Whether database and artifacts are in one folder, a workspace, and move with it."""
        database = self.database
        return bool(database and self.artifacts and database.parent == self.artifacts.parent)

    def check_path(self) -> None:
        """Check that SQLite can open a file at this path.

        Raises
        ------
        UsageError
            If the path is too long.
        """
        if self.database and (n_bytes := len(os.fsencode(self.database))) > _MAX_SQLITE_PATH:
            raise UsageError(
                f"{self.database}: SQLite opens paths of up to {_MAX_SQLITE_PATH} bytes, and this "
                f"one has {n_bytes}; give another folder with --workspace"
            )

    def shown(self) -> str:
        """Return the URI without its password."""
        return self.without_password(self.uri)

    def without_password(self, text: str) -> str:
        """Remove the URI's password from `text`."""
        return redact(text, self.uri)


@contextlib.contextmanager
def mlflow_settings() -> Iterator[None]:
    """Import MLflow and apply the settings; restore the environment afterwards.

    A variable that is set already keeps its value. Only errors are logged meanwhile, unless
    ``MLFLOW_LOGGING_LEVEL`` is set.
    """
    missing = [name for name in _SETTINGS if name not in os.environ]
    os.environ.update({name: _SETTINGS[name] for name in missing})
    try:
        import mlflow  # noqa: F401, with these settings in force

        with _only_errors(logging.getLogger("mlflow")):
            yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextlib.contextmanager
def translate_mlflow_errors(store: TrackingStore) -> Iterator[None]:
    """Apply the settings for MLflow; raise its errors as a one-line `StoreError`, redacted."""
    with mlflow_settings():
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        of_mlflow = (MlflowException, RequestException, SQLAlchemyError)
        try:
            yield
        except (*of_mlflow, OSError, ImportError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise StoreError(
                f"tracking store {store.shown()}: {store.without_password(reason)[:300]}"
            ) from error


@contextlib.contextmanager
def _only_errors(logger: logging.Logger) -> Iterator[None]:
    if "MLFLOW_LOGGING_LEVEL" in os.environ:
        yield
        return
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
