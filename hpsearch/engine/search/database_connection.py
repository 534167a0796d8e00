"""Connections to a study's database: locks of the study, and retries while a server is away."""

import contextlib
import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
)

from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import HeldElsewhereError, holding_file

__all__ = ["Patience", "ServerLock", "holding_sqlite"]

# For each server, the statement that acquires a lock for as long as the connection exists, and
# settings with which it notices a dead connection within a minute.
_LOCKING = {
    "postgresql": (
        "SELECT pg_try_advisory_lock(%s)",
        (
            "SET tcp_keepalives_idle = 30",
            "SET tcp_keepalives_interval = 5",
            "SET tcp_keepalives_count = 3",
        ),
    ),
    "mysql": ("SELECT GET_LOCK(%s, 0)", ()),
}
Result = TypeVar("Result")
_log = logging.getLogger(__name__)
# Between two attempts; a server takes seconds to restart.
_PAUSE_S = 0.5


@contextlib.contextmanager
def holding_sqlite(address: URL, name: str) -> Iterator[None]:
    """Lock a file beside the database: locking the database itself would break SQLite's locks."""
    if address.database in (None, "", ":memory:"):
        yield
        return
    database = Path(str(address.database).removeprefix("file:")).resolve()
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(holding_file(database.with_name(f"{database.name}.{name}.lock")))
        except OSError as error:
            shown = address.render_as_string(hide_password=True)
            raise StoreError(f"--storage {shown}: cannot be locked ({error.strerror})") from error
        yield


class ServerLock:
    """An advisory lock on the server, acquired by the engine's connection when it connects.

    So everything is written by the connection that has the lock, also after the server restarted.

    Parameters
    ----------
    name : str
        Of the study.
    """

    def __init__(self, name: str) -> None:
        self.is_wanted = True
        self._name = name
        self._is_taken = False

    def take_with(self, engine: Engine) -> None:
        """Acquire the lock with the engine's only connection, and with each that replaces it."""
        with engine.connect() as connection:
            dialect = connection.dialect
            key = _lock_key(dialect.name, f"{dialect.default_schema_name}/{self._name}")
        if dialect.name not in _LOCKING:
            return
        question, settings = _LOCKING[dialect.name]
        event.listen(engine, "connect", functools.partial(self._take, question, settings, key))
        engine.dispose()  # this connection was made without the lock
        engine.connect().close()
        self._is_taken = True

    def _take(
        self, question: str, settings: Sequence[str], key: object, connection: Any, _record: Any
    ) -> None:
        if not self.is_wanted:
            return
        with connection.cursor() as cursor:
            for setting in settings:
                cursor.execute(setting)
            cursor.execute(question, (key,))
            (is_free,) = cursor.fetchone()
        connection.commit()
        if is_free:
            return
        connection.close()
        if self._is_taken:
            # Most likely by a lost connection of this process that the server still holds open.
            cause = RuntimeError("the study's lock in the storage is held by another connection")
            raise OperationalError("lock", {}, cause)
        raise HeldElsewhereError("the study is locked in the storage")


def _lock_key(dialect: str, name: str) -> int | str:
    """Return the lock's key for the server: PostgreSQL takes 64 bits, MySQL 64 characters."""
    digest = hashlib.sha256(f"hpsearch/{name}".encode())
    if dialect == "mysql":
        return digest.hexdigest()
    return int.from_bytes(digest.digest()[:8], "big", signed=True)


@dataclass(frozen=True)
class Patience:
    """Retries calls while a database server is unreachable.

    Parameters
    ----------
    seconds : float
        How long one call is retried until its error is raised; 0 for no retries.
    """

    seconds: float

    def persist(self, attempt: Callable[[bool], Result]) -> Result:
        """Call `attempt` until it does not fail for a lost connection, or `seconds` are over.

        Parameters
        ----------
        attempt : callable
            Called with whether it was called before: then that call may have succeeded, and
            only its result have been lost.
        """
        gives_up_at: float | None = None
        while True:
            try:
                return attempt(gives_up_at is not None)
            except Exception as error:
                if not self.seconds or not _is_lost_connection(error):
                    raise
                now = time.monotonic()
                if gives_up_at is None:
                    gives_up_at = now + self.seconds
                    _log.warning("the storage is away; waiting up to %.0f s", self.seconds)
                if now >= gives_up_at:
                    raise
                time.sleep(_PAUSE_S)


def _is_lost_connection(error: BaseException | None) -> bool:
    """Whether a lost or refused connection is among the causes of `error`."""
    while error is not None:
        # PendingRollbackError: a session lost its connection between two statements.
        if isinstance(error, OperationalError | InterfaceError | PendingRollbackError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        error = error.__cause__
    return False
