"""Opening MLflow: what it may do and what it may cost."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpsearch.definition import StudyDefinition
from hpsearch.importing import import_to_stay
from hpsearch.tracking.views import TrackingStore

if TYPE_CHECKING:
    from hpsearch.tracking.mirror import Mirror

__all__ = ["open_mirror", "probe_tracking", "rehearse_model"]

_SETTINGS = {
    # Off unless the user turned it on.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow's own 7 retries block one call on a dead server for four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Models are written without pickle, so nothing needs it to read them.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def open_mirror(
    store: TrackingStore,
    definition: StudyDefinition,
    data: Mapping[str, Any],
    tags: Mapping[str, str],
) -> "Mirror":
    """Connect to MLflow; find or create the study's experiment and parent run.

    Parameters
    ----------
    store : TrackingStore
        Where MLflow is.
    definition : StudyDefinition
        The study.
    data : mapping
        ``name``, ``source``, ``checksum`` and ``shape`` of the data set.
    tags : mapping
        Tags that all runs get: versions, seed, data.

    Raises
    ------
    StoreError
        If MLflow cannot be reached.
    """
    _set_up()
    import_to_stay("hpsearch.tracking.mirror")
    from hpsearch.tracking.mirror import Mirror

    return Mirror(store, definition, data, tags)


def rehearse_model() -> None:
    """Do once, where it can wait, what MLflow does for the first model of a process."""
    _set_up()
    import_to_stay("mlflow.pyfunc")
    from hpsearch.tracking.model import rehearse

    rehearse()


def probe_tracking(store: TrackingStore) -> str:
    """Whether MLflow can be reached and written; leaves nothing in it.

    Returns
    -------
    str
        What it is, without passwords.

    Raises
    ------
    StoreError
        If it cannot.
    """
    _set_up()
    from hpsearch.tracking.probing import probe

    return probe(store)


def _set_up() -> None:
    """Before MLflow is imported, as it reads them then."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
