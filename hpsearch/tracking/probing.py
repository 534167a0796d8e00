"""Check that MLflow can be reached and written, leaving nothing in it. Imports MLflow."""

import tempfile
import uuid
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from hpsearch.foundations.files import check_sqlite, check_writable
from hpsearch.tracking.database import check_connection, describe_incomplete
from hpsearch.tracking.failures import translate_mlflow_errors
from hpsearch.tracking.views import TrackingStore

__all__ = ["probe"]


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
