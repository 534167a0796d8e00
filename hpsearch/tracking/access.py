"""Access to MLflow, which is imported only when needed, with this program's settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hpsearch.engine.definition import StudyDefinition
from hpsearch.tracking.store import TrackingStore, mlflow_settings, translate_mlflow_errors

if TYPE_CHECKING:
    from hpsearch.tracking.mirror import Mirror

__all__ = ["delete_runs", "open_mirror", "prepare_tracking", "probe_tracking", "rehearse_model"]


def open_mirror(
    store: TrackingStore,
    definition: StudyDefinition,
    data: Mapping[str, Any],
    tags: Mapping[str, str],
    started_at: datetime,
    *,
    repair: bool = False,
) -> "Mirror":
    """Connect to MLflow; find or create the study's experiment and parent run.

    Parameters
    ----------
    store : TrackingStore
        MLflow's tracking store.
    definition : StudyDefinition
        The study.
    data : mapping
        ``name``, ``source``, ``checksum`` and ``shape`` of the data set.
    tags : mapping
        Tags that all runs get: versions, seed, data.
    started_at : datetime
        Start of the study.
    repair : bool
        Whether to compare what MLflow has with the record, and to correct it.

    Raises
    ------
    StoreError
        If MLflow cannot be reached.
    """
    prepare_tracking(store)
    with mlflow_settings():
        from hpsearch.tracking.mirror import Mirror

        return Mirror(store, definition, data, tags, started_at, repair=repair)


def prepare_tracking(store: TrackingStore) -> None:
    """Prepare a tracking store for MLflow, and check that MLflow can open it.

    A SQLite database is created or completed, and its artifact locations are updated if the
    workspace was moved or copied. A database server must answer. Other stores are not checked.

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
        from hpsearch.tracking.mlflow_database import complete_database
        from hpsearch.tracking.store_checks import check_connection, relocate_artifacts

        with translate_mlflow_errors(store):
            if store.database is None:
                check_connection(store.uri)
                return
            if store.artifacts:
                complete_database(store.database, store.artifacts)
            if store.is_workspaces and store.artifacts:
                relocate_artifacts(store.database, store.artifacts)


def delete_runs(store: TrackingStore, study: str) -> int:
    """Delete a study's runs, and its experiment if no other run is in it.

    MLflow marks both as deleted, so that they can be restored until ``mlflow gc``. Registered
    models stay: they may be in use.

    Parameters
    ----------
    store : TrackingStore
        MLflow's tracking store.
    study : str
        The study's name.

    Returns
    -------
    int
        Number of runs deleted.

    Raises
    ------
    StoreError
        If MLflow cannot be reached or written.
    """
    if store.database and not store.database.exists():
        return 0
    prepare_tracking(store)
    with mlflow_settings():
        from hpsearch.tracking.runs import delete_study_runs

        with translate_mlflow_errors(store):
            return delete_study_runs(store.uri, study)


def rehearse_model() -> None:
    """Warm MLflow up: do in advance what it does for the first model of a process."""
    with mlflow_settings():
        from hpsearch.tracking.registry import warm_up

        warm_up()


def probe_tracking(store: TrackingStore) -> str | None:
    """Check that MLflow can be reached and written; leave nothing in it.

    Returns
    -------
    str or None
        What the next run will repair; None if there is nothing.

    Raises
    ------
    StoreError
        If it cannot be reached or written.
    """
    with mlflow_settings():
        from hpsearch.tracking.store_checks import probe

        return probe(store)
