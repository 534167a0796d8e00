"""MLflow's errors, told as ours."""

import contextlib
from collections.abc import Iterator

from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from hpsearch.errors import StoreError
from hpsearch.tracking.views import TrackingStore

__all__ = ["telling_failures"]


@contextlib.contextmanager
def telling_failures(store: TrackingStore) -> Iterator[None]:
    """Turn MLflow's errors inside into a `StoreError` of one line, without passwords."""
    try:
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
