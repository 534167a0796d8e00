"""Checks of a tracking store before its use, and update of its artifacts' locations."""

import contextlib
import sqlite3
import tempfile
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy
from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db.db_types import DATABASE_ENGINES
from sqlalchemy.pool import NullPool

from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.files import check_sqlite, check_writable
from hpsearch.foundations.text import redact
from hpsearch.tracking.mlflow_database import describe_incomplete
from hpsearch.tracking.pages import VIEW_TAG
from hpsearch.tracking.store import TrackingStore, translate_mlflow_errors

__all__ = ["check_connection", "probe", "relocate_artifacts"]

_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)
_FORMER_ROOTS = """
SELECT DISTINCT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
WHERE key = ? AND artifact_location != ? AND artifact_location LIKE 'file:///%'
"""


def check_connection(uri: str) -> None:
    """Connect to a database server once; MLflow itself would retry for minutes.

    Raises
    ------
    UsageError
        If the database's driver is not installed.
    sqlalchemy.exc.SQLAlchemyError
        If there is no answer.
    """
    if uri.partition(":")[0].partition("+")[0] not in DATABASE_ENGINES:
        return
    try:
        engine = sqlalchemy.create_engine(uri, poolclass=NullPool)
    except ImportError as error:
        raise UsageError(
            f"--tracking-uri {redact(uri)}: its driver is not installed ({error}); install it, or "
            "name another in the address"
        ) from error
    with engine.connect():
        pass


def probe(store: TrackingStore) -> str | None:
    """Write to the store and to its artifacts, and delete what was written.

    Returns
    -------
    str or None
        What the next run will repair in the database; None if nothing.

    Raises
    ------
    StoreError
        If it cannot be reached or written.
    """
    flaw = None
    with translate_mlflow_errors(store):
        if store.database:
            flaw = describe_incomplete(store.database)
            check_sqlite(store.database)
        else:
            check_connection(store.uri)
            _register_and_delete(MlflowClient(store.uri, store.uri))
        if store.artifacts:
            check_writable(store.artifacts)
        else:
            _upload_and_delete(store.uri)
    return flaw


def relocate_artifacts(database: Path, artifacts: Path) -> None:
    """Replace the former location of the workspace's artifact folder by the present one.

    The former one is read from the experiments that this program created. Locations outside it
    are not changed.

    Parameters
    ----------
    database : Path
        The workspace's MLflow database.
    artifacts : Path
        Its artifact folder, absolute.

    Raises
    ------
    OSError
        If the database cannot be written; it is then unchanged.
    """
    new = artifacts.as_uri()
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=20.0)) as connection:
            rows = connection.execute(_FORMER_ROOTS, (VIEW_TAG, new)).fetchall()
            former = [old for (old,) in rows if Path(old).name == artifacts.name]
            with connection:
                for old in former:
                    _move(connection, old, new)
    except sqlite3.Error as error:
        raise OSError(f"{database}: artifact locations cannot be updated ({error})") from error


def _register_and_delete(client: MlflowClient) -> None:
    # MLflow deletes registered models; experiments and runs it only marks as deleted.
    name = f"hpsearch-doctor-{uuid.uuid4().hex}"
    client.create_registered_model(name)
    client.delete_registered_model(name)


def _upload_and_delete(uri: str) -> None:
    name = f"hpsearch-doctor-{uuid.uuid4().hex}"
    repository: Any = get_artifact_repository("mlflow-artifacts:/", tracking_uri=uri)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(b"\0")
        repository.log_artifact(str(path))
    repository.delete_artifacts(name)


def _move(connection: sqlite3.Connection, old: str, new: str) -> None:
    for table, column in _LOCATIONS:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
            f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )
