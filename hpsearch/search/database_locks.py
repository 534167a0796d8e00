"""Locks of a study in a database: a file beside SQLite's, a lock of the server's elsewhere."""

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from hpsearch.errors import StoreError
from hpsearch.files import HeldElsewhereError, holding_file

__all__ = ["ServerLock", "holding_sqlite"]

# How a server is asked for a lock that ends with the connection, and told to notice within a
# minute that the other end of one is gone.
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


@contextlib.contextmanager
def holding_sqlite(address: URL, name: str) -> Iterator[None]:
    """Lock a file beside the database: SQLite would lose its own locks by one on the database."""
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
    """A lock of the server's that the engine's connection takes as soon as it is made.

    So whatever is written is written by the lock's holder, after a restart of the server too.

    Parameters
    ----------
    name : str
        The study's.
    """

    def __init__(self, name: str) -> None:
        self.is_wanted = True
        self._name = name
        self._is_taken = False

    def take_with(self, engine: Engine) -> None:
        """Take the lock with the engine's one connection, and with each that replaces it."""
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
            # Most likely by a connection of ours that the server does not yet know to be lost.
            cause = RuntimeError("the study's lock in the storage is held by another connection")
            raise OperationalError("lock", {}, cause)
        raise HeldElsewhereError("the study is locked in the storage")


def _lock_key(dialect: str, name: str) -> int | str:
    """What the server knows the lock by: PostgreSQL takes 64 bits, MySQL 64 characters."""
    digest = hashlib.sha256(f"hpsearch/{name}".encode())
    if dialect == "mysql":
        return digest.hexdigest()
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
