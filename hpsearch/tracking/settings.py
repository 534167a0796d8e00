"""Settings for MLflow, applied only while this program uses it."""

import contextlib
import logging
import os
from collections.abc import Iterator

__all__ = ["mlflow_settings"]

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
