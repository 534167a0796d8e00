"""Use of MLflow with this program's settings, its errors translated into this program's."""

import contextlib
from collections.abc import Iterator

from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from hpsearch.foundations.errors import StoreError
from hpsearch.tracking.settings import mlflow_settings
from hpsearch.tracking.views import TrackingStore

__all__ = ["translate_mlflow_errors"]


@contextlib.contextmanager
def translate_mlflow_errors(store: TrackingStore) -> Iterator[None]:
    """Apply the settings for MLflow; raise its errors as a one-line `StoreError`, redacted."""
    try:
        with mlflow_settings():
            yield
    except (
        MlflowException,
        RequestException,
        SQLAlchemyError,
        OSError,
        ImportError,
        ValueError,
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StoreError(
            f"tracking store {store.shown()}: {store.without_password(reason)[:300]}"
        ) from error
