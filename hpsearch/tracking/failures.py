"""Using MLflow: with the program's settings, and with its errors turned into the program's own."""

import contextlib
from collections.abc import Iterator

from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from hpsearch.errors import StoreError
from hpsearch.tracking.settings import mlflow_settings
from hpsearch.tracking.views import TrackingStore

__all__ = ["telling_failures"]


@contextlib.contextmanager
def telling_failures(store: TrackingStore) -> Iterator[None]:
    """Use MLflow; turn its errors into a `StoreError` of one line, without passwords."""
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
