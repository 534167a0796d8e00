"""Opening MLflow. Imports it only when it is needed, and then with the program's settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpsearch.definition import StudyDefinition
from hpsearch.importing import import_to_stay
from hpsearch.tracking.settings import mlflow_settings
from hpsearch.tracking.views import TrackingStore

if TYPE_CHECKING:
    from hpsearch.tracking.mirror import Mirror

__all__ = ["open_mirror", "prepare_tracking", "probe_tracking", "rehearse_model"]


def open_mirror(
    store: TrackingStore,
    definition: StudyDefinition,
    data: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    repair: bool = False,
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
    repair : bool
        Whether to compare all that MLflow shows with the record, and to correct it.

    Raises
    ------
    StoreError
        If MLflow cannot be reached.
    """
    prepare_tracking(store)
    with mlflow_settings():
        import_to_stay("hpsearch.tracking.mirror")
        from hpsearch.tracking.mirror import Mirror

        return Mirror(store, definition, data, tags, repair=repair)


def prepare_tracking(store: TrackingStore) -> None:
    """Make a store ready to be opened by MLflow, or see that it cannot be.

    A SQLite database is created, or completed, and the artifacts of a workspace that was moved
    or copied are found in it again. A database server has to answer. Of other stores nothing is
    asked.

    Raises
    ------
    StoreError
        If the database cannot be created or reached, or is not MLflow's.
    UsageError
        If the database's driver is not installed.
    """
    if store.is_server:
        return
    with mlflow_settings():
        from hpsearch.tracking.database import check_connection, complete_database
        from hpsearch.tracking.failures import telling_failures
        from hpsearch.tracking.relocation import relocate_artifacts

        with telling_failures(store):
            if store.database is None:
                check_connection(store.uri)
                return
            if store.artifacts:
                complete_database(store.database, store.artifacts)
            if store.is_workspaces and store.artifacts:
                relocate_artifacts(store.database, store.artifacts)


def rehearse_model() -> None:
    """Do once, where it can wait, what MLflow does for the first model of a process."""
    with mlflow_settings():
        import_to_stay("mlflow.pyfunc")
        from hpsearch.tracking.model import rehearse

        rehearse()


def probe_tracking(store: TrackingStore) -> str | None:
    """Whether MLflow can be reached and written; leaves nothing in it.

    Returns
    -------
    str or None
        What the next run will put right; None if there is nothing.

    Raises
    ------
    StoreError
        If it cannot be reached or written.
    """
    with mlflow_settings():
        from hpsearch.tracking.probing import probe

        return probe(store)
