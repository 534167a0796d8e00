"""Connection to a Dask cluster, and joblib's Dask backend made to report lost workers."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import dask
from distributed import Client, default_client
from distributed import Future as DaskFuture
from joblib._dask import DaskDistributedBackend

from hpsearch.foundations.errors import StoreError, UsageError

__all__ = ["ClusterBackend", "ask_workers", "cancel_all", "open_cluster"]

_CONNECT_TIMEOUT_S = 20
_WORKERS_TIMEOUT_S = 60


@contextlib.contextmanager
def open_cluster() -> Iterator[Client]:
    """Connect to the scheduler that Dask's own setting names, and wait for its first worker.

    An existing default client of the calling program is used instead, and left open.

    Raises
    ------
    UsageError
        If no address is given.
    StoreError
        If the scheduler does not answer, or has no worker.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet_distributed())
        try:
            client = default_client()
        except ValueError:
            client = stack.enter_context(contextlib.closing(_connect()))
        try:
            client.wait_for_workers(1, timeout=_WORKERS_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError(
                f"--backend dask: the scheduler has no worker after {_WORKERS_TIMEOUT_S} s; "
                "`dask worker ADDRESS --nthreads 1` starts one"
            ) from error
        yield client


def _connect() -> Client:
    address = dask.config.get("scheduler-address", None)
    if not address:
        raise UsageError(
            "--backend dask: expected the scheduler's address in DASK_SCHEDULER_ADDRESS, "
            "such as tcp://127.0.0.1:8786"
        )
    try:
        return Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise StoreError(f"--backend dask: no scheduler answers at {address}") from error


def ask_workers(client: Client, question: Callable[[], Any]) -> dict[str, Any]:
    """Call `question` on each worker; return its result, or the exception raised, by address."""
    return dict(client.run(question, on_error="return"))


def cancel_all(client: Client) -> None:
    """Cancel all tasks of this client."""
    client.cancel([DaskFuture(key, client) for key in list(client.futures)])


@contextlib.contextmanager
def _quiet_distributed() -> Iterator[None]:
    """Silence Dask's log of failures that the pool reports itself: lost workers or scheduler."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class ClusterBackend(DaskDistributedBackend):  # type: ignore[misc]
    """joblib's Dask backend, reporting tasks that could not be run.

    The original records the error without calling back, so that the call waits for ever.
    """

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return the cluster's cores, at least 2: with 1, joblib runs jobs in this process."""
        if self.client.status != "running":
            raise ConnectionError("the scheduler is gone")
        return max(2, int(super().effective_n_jobs(n_jobs)))

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> "Future[Any]":
        """Start a task; `callback` gets its result, or the exception that lost it."""
        future: Future[Any] = super().submit(func, callback)
        if callback:
            future.add_done_callback(partial(_report_failure, callback))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return the result passed to `callback`, or raise the exception of a lost task."""
        if isinstance(out, BaseException):
            raise out
        return super().retrieve_result_callback(out)


def _report_failure(callback: Callable[[Any], None], future: "Future[Any]") -> None:
    if error := future.exception():
        callback(error)
